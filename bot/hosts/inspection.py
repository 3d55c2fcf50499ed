"""Looking at data and bases without loading them here: the trainer reads and checks them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from bot.settings import child_environment
from storage.errors import BadData, InternalError
from storage.records import BaseRef, DatasetVersion, Prospect, Record, RunSpec, Task

TIMEOUT_S = 900

R = TypeVar("R", bound=Record)


def inspect_task(task: Task) -> DatasetVersion:
    """The version of a task's data.

    Raises:
        BadData: The rows cannot be used; the message is the trainer's.
        InternalError: The trainer could not be asked.
    """
    return _asked(["inspect", "-"], task, task.name, DatasetVersion)


def prospect_of(spec: RunSpec) -> Prospect:
    """What is known of a run before it is started.

    Raises:
        As `inspect_task`.
    """
    return _asked(["plan"], spec, spec.task.name, Prospect)


def look_at_bases(refs: Sequence[BaseRef]) -> list[dict[str, Any]]:
    """Size, context and memory of bases, or what is wrong with each.

    Raises:
        InternalError: The trainer could not be asked.
    """
    given = json.dumps([ref.model_dump(mode="json") for ref in refs])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "trainer", "bases"],
        input=given,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=child_environment(),
        check=False,
    )
    try:
        return list(json.loads(done.stdout)["bases"])
    except (ValueError, KeyError, TypeError) as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise InternalError(f"the trainer could not look at the bases: {last[0]}") from error


def _asked(words: list[str], given: Record, task: str, wanted: type[R]) -> R:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "trainer", *words],
            input=given.model_dump_json(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=child_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadData(
            f"Reading the data of {task!r} took longer than {TIMEOUT_S // 60} minutes. "
            "Use smaller files, or Parquet."
        ) from error
    try:
        found = json.loads(done.stdout)
        if "error" in found:
            raise BadData(str(found["error"]["message"]))
        return wanted.model_validate(found)
    except (json.JSONDecodeError, ValidationError, KeyError, TypeError) as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise InternalError(
            f"the trainer could not inspect {task!r} (exit {done.returncode}): {last[0]}"
        ) from error
