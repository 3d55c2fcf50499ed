"""A trainer in a few lines, for tests of what is around it: it speaks the same files.

    python stand_in_trainer.py run RUN_DIR ATTEMPT

STAND_IN says what it does: `quick`, `slow` (until the file `go` is there), `fails`, `empty` (ends
well but leaves nothing). It notes each time it began in `ran` of the run folder.
"""

import os
import signal
import sys
import time
from pathlib import Path

from storage.records import EXIT_CANCELLED, EXIT_FAILED, Event, now
from storage.run_folder import RunFolder, dump_records


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_CANCELLED))
    folder, number = RunFolder(Path(sys.argv[2])), int(sys.argv[3])
    with (folder.path / "ran").open("a") as note:
        note.write(f"{number} {os.environ.get('CUDA_VISIBLE_DEVICES', '-')}\n")
    if folder.has_evidence:
        return 0
    folder.append_event(number, Event(seq=1, at=now(), kind="stage", stage="fit"))
    mode = os.environ.get("STAND_IN", "quick")
    while mode == "slow" and not (folder.path / "go").exists():
        time.sleep(0.02)
    if mode == "fails":
        folder.write_error(number, "BadData", "Row 17 of tickets.csv has no label.")
        return EXIT_FAILED
    if mode != "empty":
        write_evidence(folder, number)
    return 0


def write_evidence(folder: RunFolder, number: int) -> None:
    evidence, adapter = folder.staging(number, "evidence"), folder.staging(number, "adapter")
    (evidence / "metrics.json").write_text(dump_records([]))
    (adapter / "model.json").write_text("{}")
    folder.publish_evidence(number, evidence, adapter)


if __name__ == "__main__":
    sys.exit(main())
