"""Everything that can be computed again, computed again from the stored predictions and compared.

    python -m bot.hosts.recompute --home DIR [--task NAME]

It prints one JSON object: for each kind of number how many there are and the largest difference to
what is stored and shown. A process of its own, like the projection, for the same reasons.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.hosts.projection import place_again
from storage.errors import BadInput, CorruptFolder
from storage.home import Home
from storage.judgements import Standing
from storage.ledger import Ledger
from storage.published import read_summary
from storage.records import Metric, RunState, Split
from trainer.evaluate.measure import measure
from trainer.evaluate.output_metrics import measure_outputs
from trainer.evaluate.outputs import Outputs
from trainer.evaluate.stored import judged_rows

TOLERANCE = 1e-12


@dataclass(slots=True)
class Compared:
    """How far numbers computed again are from those stored, by their kind."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    where: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def add(self, kind: str, stored: float | None, again: float | None, where: str) -> None:
        """Note one number; one that is there on one side only is infinitely far."""
        if stored is None and again is None:
            return
        far = float("inf") if stored is None or again is None else abs(stored - again)
        self.counts[kind] += 1
        if far > self.largest[kind] or kind not in self.where:
            self.largest[kind], self.where[kind] = max(far, self.largest[kind]), where


def recompute(home: Home, task: str | None = None) -> Compared:
    """Compute metrics, differences and places again, of one task or of all.

    Raises:
        BadInput: Nothing was published yet.
    """
    summary = read_summary(home.board)
    if summary is None:
        raise BadInput("There is no board yet. `tuneboard rebuild` makes one.")
    found = Compared()
    shown = {name: rows for name, rows in summary.standings.items() if task in {None, name}}
    ledger = Ledger.open(home.ledger_file)
    try:
        for run in ledger.runs(states=(RunState.SUCCEEDED,), task=task):
            _compare_run(home, run.id, found)
        for placed in place_again(home, ledger):
            if placed.task in shown:
                _compare_standings(shown[placed.task], placed.standings, found)
    finally:
        ledger.close()
    return found


def _compare_run(home: Home, run_id: str, found: Compared) -> None:
    folder = home.run(run_id)
    try:
        stored = {(m.name, m.split, m.group): m for m in folder.metrics()}
        again = list(_measured(home, run_id))
    except (CorruptFolder, OSError) as error:
        found.unreadable.append(f"{run_id}: {error}")
        return
    for metric in again:
        before = stored.get((metric.name, metric.split, metric.group))
        where = f"{run_id} {metric.split} {metric.name} {metric.group}".strip()
        for part in ("value", "low", "high"):
            known = getattr(before, part) if before else None
            found.add(f"metric {part}s", known, getattr(metric, part), where)


def _measured(home: Home, run_id: str) -> Iterator[Metric]:
    folder = home.run(run_id)
    labels, task = folder.summary().labels, folder.spec().task
    positive = task.positive if len(labels) == 2 else None
    for split in Split:
        said, _ = judged_rows(folder, labels, split.value)
        yield from (
            measure_outputs(said, split.value)
            if isinstance(said, Outputs)
            else measure(said, split.value, positive)
        )


def _compare_standings(
    shown: Sequence[Standing], again: Sequence[Standing], found: Compared
) -> None:
    by_run = {standing.run_id: standing for standing in again}
    for standing in shown:
        other = by_run.get(standing.run_id)
        if other is None:
            continue
        for name in ("place_low", "place_high", "tie_group"):
            found.add("places", getattr(standing, name), getattr(other, name), standing.run_id)
        for part in ("value", "low", "high", "p"):
            mine, theirs = (
                getattr(s.difference, part) if s.difference else None for s in (standing, other)
            )
            found.add("differences", mine, theirs, standing.run_id)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 where all agree to 1e-12, 1 where not, 2 where there is no board."""
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.recompute", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--task")
    options = parser.parse_args(argv)
    try:
        found = recompute(Home(options.home), options.task)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    kinds = [
        {
            "kind": kind,
            "numbers": count,
            "largest_difference": found.largest[kind],
            "where": found.where[kind],
        }
        for kind, count in found.counts.items()
    ]
    same = all(far <= TOLERANCE for far in found.largest.values())
    agrees = same and not found.unreadable
    sys.stdout.write(json.dumps({"agrees": agrees, "kinds": kinds, "unreadable": found.unreadable}))
    return 0 if agrees else 1


if __name__ == "__main__":
    raise SystemExit(main())
