"""What a run was trained with, and the keys of a run that goes another way: `epochs=1 rank=8`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of a training that advice can change.

    Attributes:
        rank: None where no LoRA was trained.
        best_share: The step that was kept, as a share of all steps.
    """

    epochs: float
    rank: int | None
    learning_rate: float
    best_share: float

    def gentler(self) -> str:
        """Train to where validation was best, with half the rank."""
        epochs = max(self.epochs * min(self.best_share, 0.5), 0.1)
        rank = f" rank={max(self.rank // 2, 1)}" if self.rank else ""
        return f"epochs={epochs:.2g}{rank}"

    def shorter(self) -> str:
        """Train to where validation was best."""
        return f"epochs={max(self.epochs * self.best_share, 0.1):.2g}"

    def harder(self) -> str:
        """Train twice as long, twice as fast."""
        return f"epochs={self.epochs * 2:.3g} lr={self.learning_rate * 2:.2g}"


def recipe_of(
    training: Mapping[str, float | int | str | None], steps: int | None, best_step: int | None
) -> Recipe | None:
    """The recipe of a run; None where it was not trained in steps."""
    epochs, rank, rate = (training.get(name) for name in ("epochs", "rank", "learning_rate"))
    if not steps or best_step is None or not isinstance(epochs, int | float):
        return None
    if not isinstance(rate, int | float):
        return None
    lora = rank if isinstance(rank, int) else None
    return Recipe(float(epochs), lora, float(rate), best_step / steps)
