"""Looking at a task's data without loading it here: the trainer reads, hashes and checks it."""

import json
import subprocess
import sys

from pydantic import ValidationError

from bot.settings import child_environment
from storage.errors import BadData, InternalError
from storage.records import BaseRef, DatasetVersion, Task

TIMEOUT_S = 900


def inspect_task(
    task: Task, base: BaseRef | None = None, max_tokens: int | None = None
) -> DatasetVersion:
    """The version of a task's data, with token counts where a local base is given.

    Raises:
        BadData: The rows cannot be used; the message is the trainer's.
        InternalError: The trainer could not be asked.
    """
    words = [sys.executable, "-P", "-m", "trainer", "inspect", "-"]
    if base and base.path:
        words += ["--base", base.path]
    if max_tokens:
        words += ["--max-tokens", str(max_tokens)]
    try:
        done = subprocess.run(
            words,
            input=task.model_dump_json(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=child_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadData(
            f"Reading the data of {task.name!r} took longer than {TIMEOUT_S // 60} minutes. "
            "Use smaller files, or Parquet."
        ) from error
    return _understood(done, task)


def _understood(done: "subprocess.CompletedProcess[str]", task: Task) -> DatasetVersion:
    try:
        found = json.loads(done.stdout)
        if "error" in found:
            raise BadData(str(found["error"]["message"]))
        return DatasetVersion.model_validate(found)
    except (json.JSONDecodeError, ValidationError, KeyError, TypeError) as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise InternalError(
            f"the trainer could not inspect {task.name!r} (exit {done.returncode}): {last[0]}"
        ) from error
