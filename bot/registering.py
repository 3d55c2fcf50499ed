"""Tasks: listed, shown, and registered from a file or from words. From chat, below data roots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot import answers
from bot.access import ANYONE_KNOWN, LAUNCH, Caller, require
from bot.commands import VERBS, Command, line_of
from bot.data_files import below_roots
from bot.hosts.inspection import inspect_task
from bot.new_task import toml_of
from bot.paths import path_of
from bot.replies import Reply
from storage import tasks
from storage.errors import BadInput, NotAllowed, UserError
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Person, Task


@dataclass(frozen=True, slots=True)
class Registry:
    """The tasks of one Tuneboard; `roots` are the folders whose files chat may name."""

    ledger: Ledger
    home: Home
    roots: Sequence[str]

    def answer(self, command: Command, caller: Caller) -> Reply:
        """Do what `task …` says."""
        if command.options and command.words[:1] != ("new",):
            raise BadInput("Only `task new` takes keys; a task file holds them all.")
        match command.words:
            case () | ("list",):
                require(caller, ANYONE_KNOWN, "see tasks")
                return answers.tasks(tasks.tasks(self.ledger))
            case ("show", name):
                require(caller, ANYONE_KNOWN, "see tasks")
                return answers.task(tasks.task(self.ledger, name))
            case ("add", file):
                return self._add(path_of(file), caller)
            case ("new", _):
                return self._new(command, caller)
            case _:
                raise BadInput(f"Write {VERBS['task'].usage}.")

    def described(self, command: Command, caller: Caller) -> tuple[Task, str]:
        """The task that `task new` describes, and its text; no data is read and nothing kept.

        Raises:
            UserError: A value is wrong, or a file is none that this person may name.
        """

        def found(name: str) -> str:
            in_chat = caller.origin == "slack"
            return below_roots(name, self.roots) if in_chat else str(path_of(name))

        toml = toml_of(command.words[1], command.options, found)
        task = tasks.parse_task(toml, Path.cwd())
        self._require_allowed(task.data.paths(), caller)
        return task, toml

    # --- inside ---------------------------------------------------------------------------------

    def _new(self, command: Command, caller: Caller) -> Reply:
        person = require(caller, LAUNCH, "add a task")
        try:
            task, toml = self.described(command, caller)
            return self._register(task, toml, person)
        except UserError as error:
            raise type(error)(f"{error}\nYou asked: `{line_of(command)}`") from error

    def _add(self, file: Path, caller: Caller) -> Reply:
        person = require(caller, LAUNCH, "add a task")
        self._require_allowed([str(file)], caller)
        task = tasks.read_task_file(file)
        self._require_allowed(task.data.paths(), caller)
        return self._register(task, file.read_text(encoding="utf-8"), person)

    def _register(self, task: Task, toml: str, person: Person) -> Reply:
        """Read a task's data and keep both."""
        dataset = inspect_task(task)
        added = tasks.add_task(self.ledger, task, dataset, toml, person.name)
        stored = self.home.task_file(added.task.name, added.task.version)
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(toml, encoding="utf-8")
        return answers.task(added, added=True)

    def _require_allowed(self, paths: Sequence[str], caller: Caller) -> None:
        """From chat, only files below the data roots can be named; links are followed first."""
        if caller.origin != "slack":
            return
        roots = [Path(root).resolve() for root in self.roots]
        for path in paths:
            real = Path(path).resolve()
            if not any(real.is_relative_to(root) for root in roots):
                listed = ", ".join(str(root) for root in roots) or "none is set"
                raise NotAllowed(
                    f"{path!r} is outside the data roots ({listed}). From chat only files below "
                    "them can be named; an admin sets them under [data] in tuneboard.toml."
                )
