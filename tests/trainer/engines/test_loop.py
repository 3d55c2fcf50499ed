"""The loop where things go wrong: too little memory, and numbers that are none."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.errors import BadInput
from storage.run_folder import RunFolder
from trainer.engines.checkpoints import Checkpoints
from trainer.engines.loop import Plan, Trained, train
from trainer.engines.memory import OutOfMemory
from trainer.engines.objectives import Evaluated
from trainer.engines.recipe import Recipe
from trainer.evaluate.arrays import IntArray
from trainer.progress import Progress
from trainer.stopping import StopRequest

torch = pytest.importorskip("torch")  # heavy: not before a test of this file is wanted
ROWS = 40


@dataclass
class Line:
    """Fits a line; has memory for so many rows, and a bad row perhaps.

    Attributes:
        weights: What each row's loss counts, as tokens would.
    """

    room: int = ROWS
    bad: int | None = None
    ids: tuple[str, ...] = ("a", "b")
    taken: list[int] = field(default_factory=list)

    @property
    def lengths(self) -> IntArray:
        return np.full(ROWS, 3)

    def weight(self, places: IntArray) -> int:
        return int((places % 3 + 1).sum())

    def loss(self, model: Any, places: IntArray) -> Any:
        if len(places) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        self.taken.append(len(places))
        x = torch.as_tensor(places, dtype=torch.float32)[:, None] / ROWS
        errors = (model(x)[:, 0] - 2 * x[:, 0]) ** 2 * (torch.as_tensor(places) % 3 + 1)
        if self.bad is not None:
            errors = errors + torch.where(torch.as_tensor(places) == self.bad, torch.nan, 0.0)
        return errors.sum()

    def evaluate(self, model: Any, stop: StopRequest) -> Evaluated:
        with torch.no_grad():
            losses = (model(torch.tensor([[0.2], [0.8]]))[:, 0] - torch.tensor([0.4, 1.6])) ** 2
        return Evaluated(losses.double().numpy(), np.array([True, True]), 1.0)


def run(tmp_path: Path, objective: Line, **limits: Any) -> tuple[Any, Trained]:
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    folder = RunFolder(tmp_path)
    (tmp_path / "attempt-1").mkdir(parents=True)
    recipe = Recipe(
        epochs=2,
        learning_rate=0.05,
        batch_size=16,
        max_tokens=8,
        rank=1,
        alpha=1,
        dropout=0,
        patience=9,
        **limits,
    )
    plan = Plan(
        model=model,
        objective=objective,
        lengths=objective.lengths,
        recipe=recipe,
        seed=1,
        device="cpu",
        checkpoints=Checkpoints(tmp_path / "checkpoints", "k"),
        progress=Progress(folder, 1),
        stop=StopRequest(),
    )
    return model, train(plan)


def test_a_batch_in_pieces_gives_the_model_of_the_batch_at_once(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", Line())
    tight = Line(room=5)
    pieces, trained = run(tmp_path / "tight", tight)
    for one, other in zip(whole.parameters(), pieces.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert max(tight.taken) <= 5
    assert trained.state.pieces == 4
    (first, second) = trained.state.notes
    assert "out of memory at step 1: batches of 16 are taken in 2 pieces" in first
    assert "4 pieces" in second


def test_pieces_are_remembered_by_a_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, Line(room=5))
    saved = Checkpoints(tmp_path / "checkpoints", "k").newest()
    assert saved is not None
    assert saved.state["pieces"] == 4


def test_one_row_that_does_not_fit_ends_the_run_with_advice(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory, match="one row at a time") as caught:
        run(tmp_path, Line(room=0))
    assert caught.value.exit_code == 4


def test_a_loss_that_is_no_number_names_step_and_rows(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"at step \d+ the loss is nan, on training examples") as e:
        run(tmp_path, Line(bad=7))
    assert "and 11 more" in str(e.value) or "and 3 more" in str(e.value)


def test_other_errors_are_not_taken_for_memory(tmp_path: Path) -> None:
    class Broken(Line):
        def loss(self, model: Any, places: IntArray) -> Any:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(tmp_path, Broken())


def test_a_training_ends_with_its_time_and_keeps_the_best_step(tmp_path: Path) -> None:
    _, trained = run(tmp_path, Line(), max_minutes=1e-9)
    assert trained.state.step == 1
    assert trained.best_step == 1
    assert "stopped at step 1 of 6: max_minutes=1e-09 were over" in trained.state.notes[0]


def test_a_training_ends_with_its_steps(tmp_path: Path) -> None:
    _, trained = run(tmp_path, Line(), max_steps=4)
    assert trained.state.step == 4
