"""What leaves as a file: boards, predictions, model cards. A process of its own, for its weight.

    python -m bot.hosts.export --home DIR board TASK FILE | card RUN FILE | predictions RUN FILE

It prints one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storage.board_reader import newest_snapshot
from storage.errors import BadInput
from storage.evidence_tables import PREDICTIONS
from storage.export import export_board, export_predictions
from storage.home import Home
from storage.model_card import model_card, open_run


def board(home: Home, task: str, target: Path) -> dict[str, Any]:
    """Write the published board of a task.

    Raises:
        BadInput: Nothing was published yet.
    """
    snapshot = newest_snapshot(home)
    if snapshot is None:
        raise BadInput("There is no board yet. `tuneboard rebuild` makes one.")
    return {"rows": export_board(snapshot, task, target), "file": str(target)}


def card(home: Home, run_id: str, target: Path) -> dict[str, Any]:
    """Write the model card of a run.

    Raises:
        BadInput: The run has no sound evidence, or its test scores are sealed.
    """
    target.write_text(model_card(home, run_id), encoding="utf-8")
    return {"file": str(target), "run": run_id}


def predictions(home: Home, run_id: str, target: Path) -> dict[str, Any]:
    """Write what a run answered to each example.

    Raises:
        BadInput: The run has no sound evidence, or its test scores are sealed.
    """
    open_run(home, run_id)
    rows = export_predictions(home.run(run_id).evidence / PREDICTIONS, target)
    return {"rows": rows, "file": str(target), "run": run_id}


WRITERS = {"board": board, "card": card, "predictions": predictions}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the file is written, 2 where it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m bot.hosts.export", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("what", choices=list(WRITERS))
    parser.add_argument("of")
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    try:
        found = WRITERS[options.what](Home(options.home), options.of, options.file)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{str(options.file)!r} cannot be written: {error.strerror}.\n")
        return BadInput.exit_code
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
