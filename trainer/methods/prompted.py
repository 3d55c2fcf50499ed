"""A base as it is, asked by a prompt: without examples, or with a few of train shown before.

What is chosen (how many examples, whether the likelihoods are corrected for what the base would
answer to no text at all) is chosen on validation, and said.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.errors import BadInput
from storage.records import Method, Split
from trainer.data.schema import Example
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.label_words import LabelScorer
from trainer.engines.objectives import softmax
from trainer.evaluate.arrays import FloatArray, IntArray
from trainer.evaluate.metrics import example_log_losses
from trainer.methods.fitting import FitRequest, Fitted
from trainer.methods.words import (
    WordModel,
    asking_of,
    checked_scorer,
    completions,
    prompt_settings,
    rendered,
    words_card,
)
from trainer.prompts import Asking, Shot

SHOTS = (2, 4, 8, 16)
"""How many examples are tried."""
ROWS_TO_CHOOSE = 200
"""Validation rows that choose the number of examples, the same for each."""


@dataclass(frozen=True, slots=True)
class _Tried:
    asking: Asking
    scorer: LabelScorer
    prior: FloatArray
    loss: float
    mass: float
    notes: tuple[str, ...]

    @property
    def corrected(self) -> bool:
        return bool(self.prior.any())


def fit(request: FitRequest) -> Fitted:
    """Choose on validation how to ask; nothing is trained."""
    from trainer.engines.transformers import compute_dtype, load_causal

    began = time.perf_counter()
    base, spec = request.base_files, request.spec
    threads = use_threads(request.threads, base.identity.parameters)
    device = pick_device(spec.device)
    model = load_causal(base.folder, device)
    tried: list[_Tried] = []
    refused: list[str] = []
    for shots in _shots_to_try(request):
        request.stop.raise_if_requested()
        try:
            asking = asking_of(request, shots)
        except BadInput as error:
            refused.append(str(error))
            continue
        tried.append(_try(request, asking, model, device, compute_dtype(device)))
    if not tried:
        raise BadInput(refused[0])
    best = min(tried, key=lambda one: one.loss)
    card = words_card(
        request, best.asking, best.scorer, best.prior.tolist() if best.corrected else ()
    )
    return Fitted(
        model=WordModel(card, model, best.asking, best.scorer, best.prior),
        engine="transformers",
        engine_reason=f"a base that is only asked needs no training engine, on {device}",
        training={
            **prompt_settings(request, best.asking),
            "max_tokens": best.asking.text_limit,
            "shots": len(best.asking.shots),
            "correction": "prior" if best.corrected else "none",
            "label_mass": round(best.mass, 6),
        },
        defaults=_defaults(request),
        trainable_parameters=0,
        train_seconds=time.perf_counter() - began,
        device=device,
        dtype=compute_dtype(device),
        threads=threads,
        rendered=rendered(best.asking, completions(request, best.asking, Split.VALIDATION)[:3]),
        notes=(*best.notes, *_told(request, tried, refused, best)),
    )


def _shots_to_try(request: FitRequest) -> list[tuple[Shot, ...]]:
    spec = request.spec
    if spec.method is Method.ZERO_SHOT:
        return [()]
    ordered = _spread(request.dataset.splits[Split.TRAIN], spec.seed)
    counts = [spec.shots] if spec.shots else [k for k in SHOTS if k <= len(ordered)] or [1]
    return [tuple(Shot(row.text, row.label) for row in ordered[:count]) for count in counts]


def _spread(rows: Sequence[Example], seed: int) -> list[Example]:
    """Training rows in an order drawn by seed, every label before any comes again."""
    generator = np.random.default_rng(seed)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for place in generator.permutation(len(rows)):
        by_label[rows[place].label].append(rows[place])
    turns = max(map(len, by_label.values()))
    columns = list(by_label.values())
    return [
        column[turn] for turn in range(min(turns, 64)) for column in columns if turn < len(column)
    ]


def _try(request: FitRequest, asking: Asking, model: object, device: str, dtype: str) -> _Tried:
    """Ask validation rows; subtract the prior where that lowers the loss."""
    rows = request.dataset.splits[Split.VALIDATION]
    places = np.random.default_rng(0).permutation(len(rows))[:ROWS_TO_CHOOSE]
    chosen = [rows[place] for place in places]
    texts = [row.text for row in chosen]
    scorer, notes = checked_scorer(
        asking, model, "cuda" if device == "cuda" else "cpu", dtype, texts
    )
    scores = scorer.scores(asking.ask(texts), request.stop)
    prior = scorer.scores(asking.ask([""]))[0]
    gold = request.dataset.gold(chosen)
    plain, corrected = _loss(scores, gold), _loss(scores - prior, gold)
    mass = float(np.exp(scores).sum(axis=1).mean())
    better = corrected < plain
    return _Tried(
        asking,
        scorer,
        prior if better else np.zeros_like(prior),
        min(plain, corrected),
        mass,
        notes,
    )


def _loss(scores: FloatArray, gold: IntArray) -> float:
    return float(example_log_losses(softmax(scores), gold).mean())


def _defaults(request: FitRequest) -> tuple[str, ...]:
    spec = request.spec
    left = {"max_tokens": spec.training.max_tokens, "prompt": spec.prompt}
    if spec.method is Method.FEW_SHOT:
        left["shots"] = spec.shots
    return (*(name for name, value in left.items() if value is None), "correction")


def _told(
    request: FitRequest, tried: Sequence[_Tried], refused: Sequence[str], best: _Tried
) -> tuple[str, ...]:
    """What was tried, and what the base's answers look like."""
    found = []
    if len(tried) > 1:
        losses = ", ".join(f"{len(one.asking.shots)}: {one.loss:.3f}" for one in tried)
        found.append(f"shots tried on validation, with their log loss: {losses}")
    if refused:
        found.append(f"{len(refused)} larger numbers of shots do not fit the base's context")
    if best.mass < 0.5:
        found.append(
            f"the base gives the labels' words {best.mass:.1%} of its probability: most of what it "
            "would write is not an answer"
        )
    if best.asking.text_limit < request.base_files.token_limit:
        found.append(f"texts are cut after {best.asking.text_limit} tokens to fit the context")
    return tuple(found)
