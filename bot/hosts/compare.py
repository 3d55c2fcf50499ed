"""Two runs of a task on the same rows, from their stored predictions. A process of its own.

    python -m bot.hosts.compare --home DIR RUN OTHER

It prints one JSON object: each metric of both with intervals, the paired difference of the primary
one, which rows only one of them had right, and what differs in what was asked for.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.hosts.answering import answer
from bot.hosts.board.checks import NO_RIGHT_OR_WRONG
from storage import openings
from storage.errors import BadInput
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Run, RunState
from trainer.evaluate.alignment import aligned
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.judged import Judged
from trainer.evaluate.permutation import permutation_p
from trainer.evaluate.scoring import lower_is_better
from trainer.evaluate.stored import judged_rows

SHOWN = ("accuracy", "macro_f1", "weighted_f1", "roc_auc", "mcc", "log_loss", "latency_p95_ms")


def compare(home: Home, ledger: Ledger, one: str, other: str) -> dict[str, Any]:
    """What tells two runs apart.

    Raises:
        BadInput: They are not of one task, not finished, or not measured on the same rows.
    """
    runs = [ledger.run(name) for name in (one, other)]
    _require_comparable(runs)
    task = runs[0].spec.task
    sealed = any(openings.is_hidden(ledger, run) for run in runs)
    split = "validation" if sealed else "test"
    judged = [_judged(home, run, split) for run in runs]
    try:
        first, second = aligned(judged)
        found = paired_difference(first, second, task.primary_metric, positive=task.positive)
        check = permutation_p(first, second, task.primary_metric, positive=task.positive)
    except ValueError as error:
        raise BadInput(f"The two were not measured on the same {split} rows: {error}.") from error
    difference = {name: getattr(found, name) for name in ("value", "low", "high", "p", "n", "how")}
    difference["permutation_p"] = check
    if lower_is_better(task.primary_metric):
        difference |= {"value": -found.value, "low": -found.high, "high": -found.low}
    return {
        "task": task.name,
        "split": split,
        "metric": task.primary_metric,
        "runs": [run.id for run in runs],
        "difference": difference,
        "only_right": None if task.kind in NO_RIGHT_OR_WRONG else _only_right(first, second),
        "metrics": _metrics(home, runs, split),
        "asked": _asked(runs),
    }


def _require_comparable(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.state is not RunState.SUCCEEDED:
            raise BadInput(f"{run.id} is {run.state.value}; only succeeded runs are compared.")
    names = {run.spec.task.name for run in runs}
    if len(names) > 1:
        raise BadInput(f"The two are of different tasks: {' and '.join(sorted(names))}.")


def _judged(home: Home, run: Run, split: str) -> Judged:
    folder = home.run(run.id)
    return judged_rows(folder, folder.summary().labels, split)[0]


def _only_right(first: Judged, second: Judged) -> list[int]:
    """How many rows the first alone had right, and the second alone."""
    one, other = first.correct, second.correct
    return [int((one & ~other).sum()), int((other & ~one).sum())]


def _metrics(home: Home, runs: Sequence[Run], split: str) -> list[dict[str, Any]]:
    """Each metric that both have, the primary first."""
    by_run = [
        {
            m.name: m.model_dump(mode="json")
            for m in home.run(run.id).metrics()
            if m.split in {split, "run"} and not m.group
        }
        for run in runs
    ]
    names = dict.fromkeys((runs[0].spec.task.primary_metric, *SHOWN, *by_run[0]))
    shared = [name for name in names if all(name in found for found in by_run)]
    return [{"name": name, "values": [found[name] for found in by_run]} for name in shared]


def _asked(runs: Sequence[Run]) -> dict[str, list[object]]:
    """What differs between the two specs, by key."""
    flat = [
        _flat(run.spec.model_dump(mode="json", exclude={"task", "mix"}))
        | {"learnt with": ", ".join(part.task.name for part in run.spec.mix) or None}
        for run in runs
    ]
    keys = dict.fromkeys(key for found in flat for key in found)
    pairs = {key: [found.get(key) for found in flat] for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _flat(value: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in value.items():
        found |= _flat(item) if isinstance(item, dict) else {key: item}
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.compare")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("run")
    parser.add_argument("other")
    given = parser.parse_args(words)
    return answer(given.home, lambda home, ledger: compare(home, ledger, given.run, given.other))


if __name__ == "__main__":
    sys.exit(main())
