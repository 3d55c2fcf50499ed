"""The size ladder in words, from runs that differ in nothing but their share of train."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.hosts.board.sizes import ladders
from storage.records import DataSource, Method, Metric, Task
from trainer.evaluate.compare import PairedDifference


class Known:
    """Differences as they were told."""

    def __init__(self, value: float, low: float, high: float) -> None:
        self.found = PairedDifference(value, low, high, 0.5, 500, "")

    def get(self, run_id: str, against: str) -> PairedDifference:
        assert (run_id, against) == ("r3", "r2")
        return self.found


def candidate(run_id: str, rows: int, value: float, family: str = "f") -> Any:
    metric = Metric(name="macro_f1", split="test", value=value, n=500)
    return SimpleNamespace(
        run_id=run_id,
        method=Method.LORA,
        base="tiny",
        size_family=family,
        trained_rows=rows,
        metric=lambda name, split="test": metric if split == "test" else None,
    )


def board() -> Any:
    task = Task(name="t", data=DataSource(file="x"))
    return SimpleNamespace(task=task, newest=task, split="test")


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ((0.05, 0.03, 0.07), "more rows are likely to pay"),
        ((0.001, -0.01, 0.012), "not likely to pay"),
        ((0.02, -0.01, 0.05), "cannot be told on this test set"),
        ((0.01, 0.005, 0.03), "cannot be told on this test set"),
    ],
)
def test_the_last_step_decides(difference: tuple[float, float, float], words: str) -> None:
    runs = [candidate("r3", 1000, 0.9), candidate("r1", 100, 0.7), candidate("r2", 300, 0.85)]
    (sentence,) = ladders(board(), runs, Known(*difference))  # type: ignore[arg-type]
    assert "LoRA fine-tuning of tiny: macro f1 is 100 rows 0.700, 300 rows 0.850, 1,000 rows" in (
        sentence
    )
    assert sentence.endswith(f"{words}.")


def test_sizes_that_are_nearly_the_same_tell_nothing() -> None:
    runs = [candidate("r2", 900, 0.9), candidate("r3", 1000, 0.95)]
    (sentence,) = ladders(board(), runs, Known(0.05, 0.03, 0.07))  # type: ignore[arg-type]
    assert "too close to tell" in sentence


def test_one_size_is_no_ladder() -> None:
    runs = [candidate("r1", 900, 0.9), candidate("r2", 900, 0.8), candidate("r3", 1000, 0.8, "g")]
    assert ladders(board(), runs, Known(0, 0, 0)) == []  # type: ignore[arg-type]
