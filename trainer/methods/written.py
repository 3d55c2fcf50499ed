"""A language model that writes its answers: asked as it is, shown examples, or taught."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import BadInput, CorruptFolder
from storage.records import Method, Split, TaskKind
from trainer.conversations import Composer, Preflight, compose, preflight
from trainer.data.objects import read_objects
from trainer.data.schema import Example
from trainer.data.tokens import positions_of
from trainer.engines.batches import load_reader
from trainer.engines.devices import pick_device, use_threads
from trainer.engines.objectives import (
    Completion,
    Likelihoods,
    WritingObjective,
    likelihoods,
)
from trainer.engines.protocol import Device
from trainer.engines.saved import save_learnt
from trainer.engines.writing import continue_prompts
from trainer.evaluate.forgetting import TextLosses
from trainer.methods.card import (
    ModelCard,
    Shown,
    Writing,
    card_for,
    read_card,
    write_card,
)
from trainer.methods.fitting import FitRequest, Fitted, Rendered, Written
from trainer.methods.language import load_language_model
from trainer.methods.lessons import Pupil, Report
from trainer.methods.training import ADAPTATIONS
from trainer.stopping import StopRequest

ROW_TOKENS = 1024
"""Tokens of a row, prompt and answer, where nobody says how many."""
SHOTS = (1, 2, 4, 8)
ROWS_TO_CHOOSE = 50
"""Validation rows that choose the number of shots, by how likely the right answers are."""
GENERAL_TEXTS = 500
RENDERED = 3


@dataclass(frozen=True, slots=True)
class LanguageAuthor:
    """A language model and how rows are put to it.

    Attributes:
        limit: Tokens of a row, prompt and answer together.
        positions: The most tokens that the base reads.
    """

    card: ModelCard
    model: Any
    composer: Composer
    device: Device
    limit: int
    positions: int
    answer_tokens: int

    def write(self, rows: Sequence[Example], stop: StopRequest | None = None) -> Written:
        """Greedy answers. A prompt that fills the context is not answered, which is wrong."""
        prompts = self.composer.prompts(rows)
        room = self.positions - self.answer_tokens
        asked = [place for place, prompt in enumerate(prompts) if len(prompt) <= room]
        texts, finished = [""] * len(rows), [False] * len(rows)
        found = continue_prompts(
            self.model,
            [prompts[place] for place in asked],
            self.answer_tokens,
            self.composer.end,
            self.pad_id,
            self.device,
            self.card.dtype,
            stop,
        )
        for place, answer in zip(asked, found, strict=True):
            finished[place] = answer[-1:] == [self.composer.end]
            texts[place] = self.composer.decode(answer)
        return Written(tuple(texts), tuple(finished))

    def costs(self, rows: Sequence[Example], stop: StopRequest | None = None) -> Likelihoods:
        whole = self.composer.completions(rows)
        if self.composer.kind is TaskKind.TEXT:  # an end is no part of a text
            whole = [Completion(row.prompt, row.answer[:-1]) for row in whole]
        return text_costs(
            self.model, whole, self.limit, self.pad_id, self.device, self.card.dtype, stop
        )

    @property
    def pad_id(self) -> int:
        return int(self.composer.tokenizer.pad_token_id)

    def save(self, folder: Path) -> None:
        if not self.card.method.is_prompted:
            save_learnt(self.model, folder, ADAPTATIONS[self.card.method])
        self.composer.tokenizer.save_pretrained(folder)
        write_card(folder, self.card)


def text_costs(
    model: Any,
    rows: Sequence[Completion],
    limit: int,
    pad_id: int,
    device: Device,
    dtype: str,
    stop: StopRequest | None = None,
) -> Likelihoods:
    """Likelihoods of answers of any length: one that is longer than the limit is read in pieces,
    each after the prompt alone."""
    pieces = [in_pieces(row, limit) for row in rows]
    flat = [piece for parts in pieces for piece in parts]
    found = likelihoods(model, flat, pad_id, device, dtype, stop)
    owner = np.repeat(np.arange(len(rows)), [len(parts) for parts in pieces])
    count = len(rows)
    return Likelihoods(
        np.bincount(owner, found.nats, count).astype(np.float64),
        np.bincount(owner, found.tokens, count).astype(np.int64),
        np.bincount(owner, ~found.greedy, count) == 0,
    )


def in_pieces(row: Completion, limit: int) -> list[Completion]:
    """The same answer as several, none longer with its prompt than the limit."""
    size = max(1, limit - len(row.prompt))
    starts = range(0, max(1, len(row.answer)), size)
    return [Completion(row.prompt, row.answer[start : start + size]) for start in starts]


@dataclass(frozen=True, slots=True)
class WritingLesson:
    """A task's rows with the answers that should follow them.

    Attributes:
        general: Texts that teaching should not make dearer, and what they cost before.
    """

    request: FitRequest
    pupil: Pupil
    composer: Composer
    limit: int
    answer_tokens: int
    rows: tuple[Completion, ...]
    objective: WritingObjective
    notes: tuple[str, ...]
    general: list[Completion]
    before: Likelihoods

    def finish(self, model: Any, report: Report) -> Fitted:
        """The taught model with the way it is asked."""
        device, dtype = self.pupil.device, self.pupil.dtype
        after = text_costs(
            model, self.general, self.limit, self.pupil.pad_id, device, dtype, self.request.stop
        )
        shape = self.limit, self.answer_tokens
        author = _author(self.request, self.composer, model, device, dtype, *shape)
        told = _settings(self.request, self.composer, *shape)
        return replace(
            report.fitted(author, self.notes, **told),
            rendered=rendered(self.composer, self.rows),
            text_losses=_losses(self.general, self.composer, self.before, after),
        )


def lesson(request: FitRequest, pupil: Pupil) -> WritingLesson:
    """Whole answers to learn; validation by the loss of the right ones."""
    composer = composer_of(request)
    model, device, dtype, pad = pupil.model, pupil.device, pupil.dtype, pupil.pad_id
    limit = _limit(request, composer)
    looked = _looked_at(request, composer, request.dataset.splits[Split.TRAIN], limit)
    validation = request.dataset.splits[Split.VALIDATION]
    held = [
        piece for row in composer.completions(validation) for piece in in_pieces(row, limit)[:1]
    ]
    objective = WritingObjective(
        train=looked.kept,
        validation=held,
        ids=tuple(row.id for row in validation),
        pad_id=pad,
        device=device,
        dtype=dtype,
    )
    general = general_texts(request, composer)
    return WritingLesson(
        request=request,
        pupil=pupil,
        composer=composer,
        limit=limit,
        answer_tokens=_answer_tokens(looked, limit),
        rows=looked.kept,
        objective=objective,
        notes=looked.notes,
        general=general,
        before=text_costs(model, general, limit, pad, device, dtype, request.stop),
    )


def ask(request: FitRequest) -> Fitted:
    """A base as it is, perhaps with examples shown; how many is chosen on validation."""
    from trainer.engines.transformers import compute_dtype, load_causal

    began = time.perf_counter()
    base, spec = request.base_files, request.spec
    threads = use_threads(request.threads, base.identity.parameters)
    device = pick_device(spec.device)
    model = load_causal(base.folder, device)
    bare = composer_of(request)
    dtype = compute_dtype(device)
    composer, notes = _with_shots(request, bare, model, device, dtype)
    limit = positions_of(base.folder)
    train = bare.completions(request.dataset.splits[Split.TRAIN])
    looked = Preflight(tuple(train), tuple(range(len(train))), 0)
    answer_tokens = _answer_tokens(looked, limit)
    author = _author(request, composer, model, device, dtype, limit, answer_tokens)
    validation = request.dataset.splits[Split.VALIDATION][:RENDERED]
    return Fitted(
        model=author,
        engine="transformers",
        engine_reason=f"a base that is only asked needs no training engine, on {device}",
        training=_settings(request, composer, limit, answer_tokens)
        | {"shots": len(composer.shots)},
        defaults=tuple(
            name
            for name, value in (("prompt", spec.prompt), ("shots", spec.shots))
            if value is None
        ),
        trainable_parameters=0,
        train_seconds=time.perf_counter() - began,
        device=device,
        dtype=dtype,
        threads=threads,
        rendered=rendered(composer, composer.completions(validation)),
        notes=notes,
    )


def load(folder: Path) -> LanguageAuthor:
    """A saved model, from its folder and its base."""
    card = read_card(folder)
    if card.writing is None:
        raise CorruptFolder(f"{folder} names no way of asking")
    loaded = load_language_model(folder, card)
    tokenizer = load_reader(folder, ROW_TOKENS).tokenizer
    shots = tuple(
        Example(id="", text=one.text, label=one.answer, row=0, turns=one.turns, as_is=one.as_is)
        for one in card.writing.shots
    )
    composer = Composer(card.writing.kind, card.writing.prompt, tokenizer, shots)
    limit = card.max_tokens or ROW_TOKENS
    most = card.writing.answer_tokens
    return LanguageAuthor(
        card, loaded.model, composer, loaded.device, limit, loaded.positions, most
    )


def composer_of(request: FitRequest) -> Composer:
    """How this run writes its rows."""
    task, base = request.spec.task, request.base_files
    named = request.spec.prompt
    prompt = task.prompts[named] if named else next(iter(task.prompts.values()), None)
    return compose(task, prompt, load_reader(base.folder, ROW_TOKENS).tokenizer)


def rendered(composer: Composer, rows: Sequence[Completion]) -> tuple[Rendered, ...]:
    """The first rows as the model reads them."""
    decode = composer.tokenizer.decode
    return tuple(
        Rendered(decode(row.prompt), decode(row.answer), len(row.prompt), len(row.answer))
        for row in rows[:RENDERED]
    )


def general_texts(request: FitRequest, composer: Composer) -> list[Completion]:
    """Texts that a tuned model should find no harder than its base; none where none are named."""
    source = request.spec.task.data
    if source.general is None:
        return []
    rows = [row for _, row in read_objects(Path(source.general), source)][:GENERAL_TEXTS]
    texts = [str(row.get("text") or next(iter(row.values()))) for row in rows]
    plain = replace(composer, kind=TaskKind.TEXT, shots=())
    examples = [Example(id="", text=text, label="", row=0) for text in texts]
    return [Completion(row.prompt, row.answer[:-1]) for row in plain.completions(examples)]


def _losses(
    texts: Sequence[Completion], composer: Composer, before: Likelihoods, after: Likelihoods
) -> TextLosses | None:
    if not texts:
        return None
    decode = composer.tokenizer.decode
    sizes = [len(str(decode(row.answer)).encode()) for row in texts]
    return TextLosses(before.nats, after.nats, np.array(sizes, np.float64))


def _limit(request: FitRequest, composer: Composer) -> int:
    """Tokens of a row: as asked, else as the longest has, up to 1,024 and what the base reads."""
    most = positions_of(request.base_files.folder)
    asked = request.spec.training.max_tokens
    if asked is not None:
        return min(asked, most)
    rows = composer.completions(request.dataset.splits[Split.TRAIN])
    return min(max(len(row.tokens) for row in rows), ROW_TOKENS, most)


def _looked_at(
    request: FitRequest, composer: Composer, rows: Sequence[Example], limit: int
) -> Preflight:
    if composer.kind is TaskKind.TEXT:
        whole = [piece for row in composer.completions(rows) for piece in in_pieces(row, limit)]
        return Preflight(tuple(whole), tuple(range(len(whole))), 0)
    return preflight(composer, rows, limit, request.spec.task.policy.overlong_limit)


def _answer_tokens(looked: Preflight, limit: int) -> int:
    """Room for an answer: a quarter more than the longest that was learnt, in steps of 8."""
    longest = max(len(row.answer) for row in looked.kept)
    return int(min(8 * np.ceil(1.25 * longest / 8), max(8, limit // 2)))


def _with_shots(
    request: FitRequest, bare: Composer, model: Any, device: Device, dtype: str
) -> tuple[Composer, tuple[str, ...]]:
    """The composer with the number of shots under which validation answers are likeliest."""
    spec, data = request.spec, request.dataset
    if spec.method is Method.ZERO_SHOT:
        return bare, ()
    train, most = data.splits[Split.TRAIN], positions_of(request.base_files.folder)
    order = np.random.default_rng(spec.seed).permutation(len(train))
    rows = data.splits[Split.VALIDATION][:ROWS_TO_CHOOSE]
    tried: list[tuple[float, Composer]] = []
    for count in [spec.shots] if spec.shots else [k for k in SHOTS if k <= len(train)]:
        shown = replace(bare, shots=tuple(train[place] for place in order[:count]))
        asked = shown.completions(rows)
        if max(len(row.tokens) for row in asked) > most:
            continue
        pad = int(bare.tokenizer.pad_token_id)
        found = likelihoods(model, asked, pad, device, dtype, request.stop)
        tried.append((float(found.nats.sum() / found.tokens.sum()), shown))
    if not tried:
        raise BadInput(
            f"Not even {spec.shots or SHOTS[0]} example(s) and a row fit the {most} tokens that "
            "the base reads. Take fewer shots, zero_shot, or a base with a longer context."
        )
    told = ", ".join(f"{len(one.shots)}: {loss:.3f}" for loss, one in tried)
    note = f"shots tried on validation, with the nats a token of the right answers: {told}"
    return min(tried, key=lambda one: one[0])[1], (note,) if len(tried) > 1 else ()


def _author(
    request: FitRequest,
    composer: Composer,
    model: Any,
    device: Device,
    dtype: str,
    limit: int,
    answer_tokens: int,
) -> LanguageAuthor:
    writing = Writing(
        kind=composer.kind,
        prompt=composer.prompt,
        shots=tuple(
            Shown(text=shot.text, answer=shot.label, turns=shot.turns, as_is=shot.as_is)
            for shot in composer.shots
        ),
        answer_tokens=answer_tokens,
    )
    card = card_for(
        request.spec.method,
        (),
        request.base_files,
        device=device,
        dtype=dtype,
        pad_token_id=int(composer.tokenizer.pad_token_id),
        writing=writing,
    ).model_copy(update={"max_tokens": limit})
    positions = positions_of(request.base_files.folder)
    return LanguageAuthor(card, model, composer, device, limit, positions, answer_tokens)


def _settings(
    request: FitRequest, composer: Composer, limit: int, answer_tokens: int
) -> dict[str, str | int | float | None]:
    named = request.spec.prompt or next(iter(request.spec.task.prompts), "built-in")
    return {
        "prompt": named,
        "prompt_digest": composer.prompt.digest()[:12],
        "chat": str(composer.chat),
        "max_tokens": limit,
        "answer_tokens": answer_tokens,
        "decoding": "greedy",
    }
