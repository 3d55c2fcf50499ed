"""`tuneboard.json` in an adapter folder: what is needed to use the model again."""

import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from storage.errors import CorruptFolder
from storage.records import BaseIdentity, BaseRef, Method, Prompt, Record, TaskKind
from trainer.engines.bases import locate, weights_hash
from trainer.methods.fitting import BaseFiles

CARD = "tuneboard.json"


class Words(Record):
    """How a language model is asked, and how the likelihoods of its answers are read.

    Attributes:
        shots: Text and label of each example that is shown.
        prior: The answers' log-likelihoods without a text, subtracted from each score; empty where
            the sums stand as they are.
        packed: Whether all answers are scored in one pass.
    """

    prompt: Prompt
    shots: tuple[tuple[str, str], ...] = ()
    prior: tuple[float, ...] = ()
    packed: bool = True


class Shown(Record):
    """An example that is shown with its answer before a row is asked."""

    text: str
    answer: str
    turns: tuple[tuple[str, str], ...] = ()
    as_is: bool = False


class Writing(Record):
    """How a language model is asked for a text, and how long that may be.

    Attributes:
        answer_tokens: After how many tokens an answer is broken off.
    """

    kind: TaskKind
    prompt: Prompt
    shots: tuple[Shown, ...] = ()
    answer_tokens: int


class ModelCard(Record):
    """How to turn a text into probabilities with the files beside this one."""

    format: Literal[1] = 1
    method: Method
    labels: tuple[str, ...]
    scoring: str
    base: BaseIdentity | None = None
    base_ref: BaseRef | None = None
    max_tokens: int | None = None
    pooling: str | None = None
    pad_token_id: int | None = None
    device: str = "cpu"
    dtype: str = "float32"
    words: Words | None = None
    writing: Writing | None = None


def write_card(folder: Path, card: ModelCard) -> None:
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_card(folder: Path) -> ModelCard:
    """
    Raises:
        CorruptFolder: There is no card, or it cannot be read.
    """
    try:
        return ModelCard.model_validate(json.loads((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise CorruptFolder(f"{folder} holds no readable {CARD}: {error}") from error


def card_for(
    method: Method,
    labels: tuple[str, ...],
    base: BaseFiles,
    pooling: str | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    pad_token_id: int | None = None,
    words: Words | None = None,
    writing: Writing | None = None,
) -> ModelCard:
    """The card of a model that stands on a base."""
    return ModelCard(
        method=method,
        labels=labels,
        scoring="label words" if words else "greedy writing" if writing else "head",
        base=base.identity,
        base_ref=base.ref,
        max_tokens=base.token_limit,
        pooling=pooling,
        pad_token_id=pad_token_id,
        device=device,
        dtype=dtype,
        words=words,
        writing=writing,
    )


def based_on(card: ModelCard) -> Path:
    """The folder of the base that a saved model stands on, its weights compared.

    Raises:
        BadInput: The base cannot be found.
        CorruptFolder: The weights there are not those it was trained on.
    """
    if card.base_ref is None or card.base is None:
        raise CorruptFolder("the saved model names no base")
    folder = locate(card.base_ref)
    found = weights_hash(folder)
    if found != card.base.weights_sha256:
        raise CorruptFolder(
            f"the weights of base {card.base.name!r} in {folder} are not those the model was "
            f"trained on (hash {found[:12]}, {card.base.weights_sha256[:12]} expected)"
        )
    return folder
