"""Registered tasks: their versions in the ledger, and reading a task's TOML file."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.engine import Row

from storage.errors import BadInput, UnknownName
from storage.ledger import Ledger
from storage.records import DatasetVersion, Instant, Name, Policy, Record, Task, digest_of, now


class RegisteredTask(Record):
    """A task version with the data it was registered on."""

    task: Task
    dataset: DatasetVersion
    added_by: Name
    added_at: Instant


def read_task_file(path: Path) -> Task:
    """A task from its TOML file; paths in it are relative to the file and come out absolute.

    `policy` is a section, or the name of another TOML file beside it.

    Raises:
        BadInput: The file is missing, is not TOML, or a key is unknown, missing or wrong.
    """
    found = _read_toml(path, "task")
    if isinstance(named := found.get("policy"), str):
        other = path.parent / named
        found = found | {"policy": _section(_read_toml(other, "policy"), "policy")}
    return _absolute(_parse(found, path.name), path.parent.resolve())


def parse_task(toml: str, folder: Path) -> Task:
    """A task from the text of a task file, whose policy is a section; paths come out absolute.

    Raises:
        BadInput: It is not TOML, or a key is unknown, missing or wrong.
    """
    try:
        found = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"The task cannot be written down: {error}.") from error
    return _absolute(_parse(found, "the task"), folder)


def read_policy_file(path: Path) -> Policy:
    """The policy of a policy file or of a task file.

    Raises:
        BadInput: As `read_task_file`.
    """
    found = _read_toml(path, "policy")
    section = found.get("policy", found)
    if isinstance(section, str):
        section = _section(_read_toml(path.parent / section, "policy"), "policy")
    try:
        return Policy.model_validate(section)
    except ValidationError as error:
        raise BadInput(f"{path.name}, [policy]: {explain(error)}") from error


def _section(found: Mapping[str, Any], name: str) -> object:
    """A file may hold the keys of a section, with or without its heading."""
    return found.get(name, found)


def _read_toml(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BadInput(
            f"There is no {what} file {str(path)!r}. Give the path of a TOML file."
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise BadInput(
            f"{str(path)!r} cannot be read: {error.strerror}. Give a TOML file."
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{str(path)!r} is not UTF-8 text. Save the {what} file as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{str(path)!r} is not valid TOML: {error}. Mend that line.") from error


def add_task(
    ledger: Ledger, task: Task, dataset: DatasetVersion, toml: str, person: str
) -> RegisteredTask:
    """Register a task, or find it: the same content is the same version, a change the next one."""
    digest = digest_of([task.model_dump(mode="json", exclude={"version"}), dataset.content_digest])
    with ledger.write() as db:
        rows = db.execute(
            text("select * from tasks where name = :name order by version"), {"name": task.name}
        ).all()
        if rows and rows[-1].digest == digest:
            return _registered(rows[-1])
        numbered = task.model_copy(update={"version": rows[-1].version + 1 if rows else 1})
        added = RegisteredTask(task=numbered, dataset=dataset, added_by=person, added_at=now())
        db.execute(
            text(
                "insert into tasks (name, version, digest, record, dataset, toml, added_by,"
                " added_at) values (:name, :version, :digest, :record, :dataset, :toml, :by, :at)"
            ),
            {
                "name": task.name,
                "version": numbered.version,
                "digest": digest,
                "record": numbered.model_dump_json(),
                "dataset": dataset.model_dump_json(),
                "toml": toml,
                "by": person,
                "at": added.added_at.isoformat(),
            },
        )
        return added


def task(ledger: Ledger, name: str) -> RegisteredTask:
    """The newest version of a task.

    Raises:
        UnknownName: No task has this name.
    """
    with ledger.read() as db:
        row = db.execute(
            text("select * from tasks where name = :name order by version desc limit 1"),
            {"name": name},
        ).first()
    if row is None:
        raise UnknownName(f"There is no task {name!r}. `task add FILE` registers one.")
    return _registered(row)


def tasks(ledger: Ledger) -> tuple[RegisteredTask, ...]:
    """The newest version of every task, by name."""
    with ledger.read() as db:
        rows = db.execute(text("select * from tasks order by name, version")).all()
    return tuple(_registered(row) for row in {row.name: row for row in rows}.values())


def _registered(row: Row[Any]) -> RegisteredTask:
    return _parsed(row.record, row.dataset, row.added_by, row.added_at)


@lru_cache(maxsize=256)
def _parsed(record: str, dataset: str, added_by: str, added_at: str) -> RegisteredTask:
    """A version never changes, and every command about a task asks for it."""
    return RegisteredTask(
        task=Task.model_validate_json(record),
        dataset=DatasetVersion.model_validate_json(dataset),
        added_by=added_by,
        added_at=datetime.fromisoformat(added_at),
    )


def _parse(found: Mapping[str, Any], where: str) -> Task:
    if "version" in found:
        raise BadInput(f"{where}: leave `version` out; Tuneboard numbers the versions of a task.")
    try:
        return Task.model_validate(found)
    except ValidationError as error:
        raise BadInput(f"{where}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """A validation error in words: which key, what was found, what is expected."""
    parts = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        found = repr(problem.get("input"))[:60]
        said = problem["msg"].removeprefix("Value error, ")
        match problem["type"]:
            case "value_error" if not isinstance(problem.get("input"), str | int | float):
                parts.append(f"`{key}`: {said}" if key else said)
            case "tuple_type":
                parts.append(f"`{key}` is {found}: write a list, such as [{found}]")
            case "model_type" | "dict_type":
                parts.append(f"`{key}` is {found}: write a section, [{key}], with keys below it")
            case "extra_forbidden":
                parts.append(f"unknown key `{key}`; remove it or mend its spelling")
            case "missing":
                parts.append(f"`{key}` is missing; add it")
            case _:
                parts.append(f"`{key}` is {found}: {said}")
    return "; ".join(parts) + "."


def _absolute(task: Task, folder: Path) -> Task:
    named = task.data.files() | ({"general": task.data.general} if task.data.general else {})
    paths = {role: str((folder / path).resolve()) for role, path in named.items()}
    return task.model_copy(update={"data": task.data.model_copy(update=paths)})
