"""What an engine does: it makes a base ready to be trained. Training itself is ours, in `loop.py`.

One loop for all engines, because the numbers that are signed (per-example validation losses, the
deployed step, the order of rows after a resume) must not depend on which library was faster.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from storage.records import BaseRef
from trainer.engines.recipe import Adaptation, Recipe

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Order:
    """A base to be trained, as asked for.

    Attributes:
        labels: Of a classification head; None for a language model that answers with words.
        parent: The adapter that training goes on from; a head of its own is not taken over.
    """

    base: BaseRef
    folder: Path
    adaptation: Adaptation
    labels: tuple[str, ...] | None
    recipe: Recipe
    seed: int
    device: Device
    pad_id: int
    parent: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model on its device, what learns in it trainable.

    Attributes:
        dtype: Of the computation: `float32` or `bfloat16`.
    """

    model: Any
    dtype: str
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Makes a base ready to be trained."""

    name: str

    def start(self) -> None:
        """Import what must come before transformers and peft."""
        ...

    def prepare(self, order: Order) -> Prepared:
        """
        Raises:
            BadInput: The base is not one that this engine can load.
        """
        ...
