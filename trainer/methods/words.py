"""A language model that answers with a label's words: how it is asked, taught, read and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from storage.errors import CorruptFolder
from storage.records import Prompt, Split, Task
from trainer.data.tokens import positions_of
from trainer.engines.batches import load_reader
from trainer.engines.label_words import LabelScorer
from trainer.engines.objectives import Completion, CompletionObjective, softmax
from trainer.engines.protocol import Device
from trainer.engines.saved import save_learnt
from trainer.evaluate.arrays import FloatArray
from trainer.methods.card import ModelCard, Words, card_for, read_card, write_card
from trainer.methods.fitting import FitRequest, Fitted, Rendered
from trainer.methods.language import load_language_model
from trainer.methods.lessons import Pupil, Report
from trainer.methods.training import ADAPTATIONS
from trainer.prompts import Asking, Shot, built_in, fitted_in
from trainer.stopping import StopRequest

RENDERED = 3


@dataclass(frozen=True, slots=True)
class WordModel:
    """A language model, the way it is asked, and the scorer of its answers."""

    card: ModelCard
    model: Any
    asking: Asking
    scorer: LabelScorer
    prior: FloatArray

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        return softmax(self.scorer.scores(self.asking.ask(texts)) - self.prior)

    def save(self, folder: Path) -> None:
        if not self.card.method.is_prompted:
            save_learnt(self.model, folder, ADAPTATIONS[self.card.method])
        self.asking.tokenizer.save_pretrained(folder)
        write_card(folder, self.card)


def prompt_of(task: Task, name: str | None, labels: Sequence[str]) -> Prompt:
    """The named prompt, else the task's only or first one, else the built-in."""
    if name is not None:
        return task.prompts[name]
    return next(iter(task.prompts.values()), None) or built_in(labels)


def asking_of(request: FitRequest, shots: tuple[Shot, ...] = ()) -> Asking:
    """How this run asks, its texts cut so that everything fits.

    Raises:
        BadInput: The prompt alone fills the base's context.
    """
    base, data = request.base_files, request.dataset
    reader = load_reader(base.folder, base.token_limit)
    return fitted_in(
        Asking(
            prompt=prompt_of(request.spec.task, request.spec.prompt, data.labels),
            labels=data.labels,
            tokenizer=reader.tokenizer,
            text_limit=base.token_limit,
            positions=positions_of(base.folder),
            shots=shots,
        )
    )


def checked_scorer(
    asking: Asking, model: Any, device: Device, dtype: str, texts: Sequence[str]
) -> tuple[LabelScorer, tuple[str, ...]]:
    """A scorer that packs answers where that changes nothing, and a note where it does."""
    pad = int(asking.tokenizer.pad_token_id)
    scorer, apart = LabelScorer(model, asking.answers(), pad, device, dtype).checked(
        asking.ask(texts)
    )
    if scorer.packed:
        return scorer, ()
    why = f"packed label scores are {apart:.3g} off the plain ones: scored one answer at a time"
    return scorer, (why,)


def words_card(
    request: FitRequest, asking: Asking, scorer: LabelScorer, prior: Sequence[float] = ()
) -> ModelCard:
    """The card of a model that answers with words."""
    shots = tuple((shot.text, shot.label) for shot in asking.shots)
    words = Words(prompt=asking.prompt, shots=shots, prior=tuple(prior), packed=scorer.packed)
    card = card_for(
        request.spec.method,
        request.dataset.labels,
        request.base_files,
        device=scorer.device,
        dtype=scorer.dtype,
        pad_token_id=scorer.pad_id,
        words=words,
    )
    return card.model_copy(update={"max_tokens": asking.text_limit})


def prompt_settings(request: FitRequest, asking: Asking) -> dict[str, str | int | float]:
    """What the evidence says of the prompt."""
    named = request.spec.prompt or next(iter(request.spec.task.prompts), "built-in")
    return {"prompt": named, "prompt_digest": asking.prompt.digest()[:12], "chat": str(asking.chat)}


def rendered(asking: Asking, rows: Sequence[Completion]) -> tuple[Rendered, ...]:
    """The first rows as the model reads them."""
    decode = asking.tokenizer.decode
    return tuple(
        Rendered(decode(row.prompt), decode(row.answer), len(row.prompt), len(row.answer))
        for row in rows[:RENDERED]
    )


def completions(request: FitRequest, asking: Asking, split: Split) -> list[Completion]:
    """Each row's prompt and its label's answer."""
    rows, answers = request.dataset.splits[split], asking.answers()
    asked = asking.ask([row.text for row in rows])
    gold = request.dataset.gold(rows)
    return [
        Completion(tuple(prompt), answers[label]) for prompt, label in zip(asked, gold, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class WordsLesson:
    """A task's labels as words that follow its texts."""

    request: FitRequest
    asking: Asking
    scorer: LabelScorer
    rows: list[Completion]
    objective: CompletionObjective
    notes: tuple[str, ...]

    def finish(self, model: Any, report: Report) -> Fitted:
        """The taught model with the way it is asked."""
        scorer = replace(self.scorer, model=model)
        card = words_card(self.request, self.asking, scorer)
        none = np.zeros(len(self.request.dataset.labels))
        told = prompt_settings(self.request, self.asking)
        answering = WordModel(card, model, self.asking, scorer, none)
        fitted = report.fitted(answering, self.notes, **told)
        return replace(fitted, rendered=rendered(self.asking, self.rows))


def lesson(request: FitRequest, pupil: Pupil) -> WordsLesson:
    """The rows of a task with their labels' words; validation by the labels' likelihoods."""
    asking, data = asking_of(request), request.dataset
    texts = data.texts(Split.VALIDATION)
    asked = asking.ask(texts)
    scorer, notes = checked_scorer(asking, pupil.model, pupil.device, pupil.dtype, texts)
    train = completions(request, asking, Split.TRAIN)

    def validate(stop: StopRequest) -> FloatArray:
        return softmax(scorer.scores(asked, stop))

    validation = data.splits[Split.VALIDATION]
    objective = CompletionObjective(
        train=train,
        ids=tuple(row.id for row in validation),
        gold=data.gold(validation),
        validate=validate,
        pad_id=pupil.pad_id,
        device=pupil.device,
        dtype=pupil.dtype,
        metric=request.spec.task.primary_metric,
    )
    return WordsLesson(request, asking, scorer, train, objective, notes)


def load(folder: Path) -> WordModel:
    """A saved model, from its folder and its base."""
    card = read_card(folder)
    if card.words is None:
        raise CorruptFolder(f"{folder} names no prompt")
    loaded = load_language_model(folder, card)
    asking = Asking(
        prompt=card.words.prompt,
        labels=card.labels,
        tokenizer=load_reader(folder, card.max_tokens or 128).tokenizer,
        text_limit=card.max_tokens or 128,
        positions=loaded.positions,
        shots=tuple(Shot(text, label) for text, label in card.words.shots),
    )
    scorer = LabelScorer(
        loaded.model,
        asking.answers(),
        card.pad_token_id or 0,
        loaded.device,
        card.dtype,
        card.words.packed,
    )
    prior = np.array(card.words.prior or [0.0] * len(card.labels))
    return WordModel(card, loaded.model, asking, scorer, prior)
