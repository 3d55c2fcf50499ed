"""The home folder: where everything of one Tuneboard lies. Names never become paths unchecked."""

import re
from dataclasses import dataclass
from pathlib import Path

from storage.errors import UnknownName
from storage.records import NAME_PATTERN
from storage.run_folder import RunFolder

RUN_ID = re.compile(r"r[0-9a-z]{6,24}")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one home folder."""

    path: Path

    @property
    def settings_file(self) -> Path:
        return self.path / "tuneboard.toml"

    @property
    def ledger_file(self) -> Path:
        return self.path / "ledger.sqlite"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def board(self) -> Path:
        return self.path / "board"

    @property
    def locks(self) -> Path:
        return self.path / "locks"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def create(self) -> None:
        """Make the folders that are not there yet."""
        for folder in (self.path, self.runs, self.board, self.locks, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run.

        Raises:
            UnknownName: The text is not a run id.
        """
        if not RUN_ID.fullmatch(run_id):
            raise UnknownName(f"{run_id!r} is not a run id. Run ids look like r1k2m3n4p5.")
        return RunFolder(self.runs / run_id)

    def pictures(self, run_id: str) -> Path:
        """Where what was drawn of a run lies; it can be drawn again at any time.

        Raises:
            UnknownName: The text is not a run id.
        """
        return self.path / "pictures" / self.run(run_id).run_id

    def task_file(self, name: str, version: int) -> Path:
        """The stored copy of a task's TOML.

        Raises:
            UnknownName: The text is not a task name.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise UnknownName(f"{name!r} is not a task name.")
        return self.path / "tasks" / name / f"{version}.toml"
