"""One test example of a run, by its row in the file. A process of its own: it reads Parquet.

python -m bot.hosts.examples --home DIR RUN ROW
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyarrow import parquet

from bot.hosts.answering import answer
from storage import openings
from storage.errors import BadInput, WrongState
from storage.evidence_tables import PREDICTIONS
from storage.home import Home
from storage.ledger import Ledger


def example(home: Home, ledger: Ledger, run_id: str, row: int) -> dict[str, Any]:
    """`example_id`, `text`, `gold` and `predicted` of a test row.

    Raises:
        WrongState: The run has no evidence, or its test scores are sealed.
        BadInput: No test row stands in this line.
    """
    run, folder = ledger.run(run_id), home.run(run_id)
    if not folder.has_evidence:
        raise WrongState(f"{run_id} has no evidence, so it has no examples.")
    if openings.is_hidden(ledger, run):
        raise WrongState("The test set is sealed until this run is put up for review.")
    columns = ["split", "example_id", "row", "text", "gold", "predicted"]
    table = parquet.read_table(folder.evidence / PREDICTIONS, columns=columns)
    rows = [found for found in table.to_pylist() if found["split"] == "test"]
    for found in rows:
        if found["row"] == row:
            return {name: found[name] for name in ("example_id", "text", "gold", "predicted")}
    lines = sorted(found["row"] for found in rows)
    raise BadInput(
        f"Line {row} of the test file is no test row of {run_id}; its {len(rows):,} rows stand in "
        f"lines {lines[0]:,} to {lines[-1]:,}."
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.examples")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("run")
    parser.add_argument("row", type=int)
    given = parser.parse_args(words)
    return answer(given.home, lambda home, ledger: example(home, ledger, given.run, given.row))


if __name__ == "__main__":
    sys.exit(main())
