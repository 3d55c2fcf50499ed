"""What goes out and comes in: predictions of other models, the board as a file, a model card."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot import as_json
from bot.access import LAUNCH, Caller, require
from bot.actions import Actions
from bot.commands import did_you_mean
from bot.hosts.projection_child import ask_child
from bot.paths import path_of
from bot.replies import Reply
from bot.settings import child_environment, os_user
from storage import openings, tasks
from storage.database import new_id
from storage.errors import BadData, BadInput, InternalError, UnknownName
from storage.imports import known_import, record_import
from storage.records import Method, RunSpec, digest_of
from storage.run_folder import sha256_of
from storage.tasks import explain

KEYS = ("task", "name", "cost_per_1000", "latency_p95_ms", "note", "missing")
NUMBERS = ("cost_per_1000", "latency_p95_ms")
TIMEOUT_S = 900


def import_predictions(actions: Actions, words: Sequence[str]) -> Reply:
    """Predictions of an outside model become a run on the board; the same file twice is one run."""
    given, files = _keys(words)
    if len(files) != 1 or not {"task", "name"} <= given.keys():
        raise BadInput("Write `import-predictions task=NAME name=LABEL FILE`.")
    user = os_user()
    caller = Caller(actions.settings.person_of_os(user), "terminal", user)
    person = require(caller, LAUNCH, "import predictions")
    file = path_of(files[0])
    if not file.is_file():
        raise BadInput(
            f"There is no file {str(file)!r}. Give JSON lines, Parquet or what lm_eval wrote."
        )
    spec = _spec(actions, given)
    key = f"import:{digest_of([spec.digest(), sha256_of(file), dict(sorted(given.items()))])}"
    run = known_import(actions.ledger, key)
    if run is None:
        run_id = new_id("r")
        folder = actions.home.run(run_id)
        folder.create(spec)
        try:
            _ask_trainer(folder.path, file, given)
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)  # nothing refers to it yet
            raise
        run = record_import(actions.ledger, run_id, spec, key, person.name)
    text = f"Run `{run.id}` is {run.spec.label}, imported on {run.spec.task.name}."
    return Reply(text, run_id=run.id, data={"run": as_json.run_json(run, None)})


def export(actions: Actions, words: Sequence[str]) -> Reply:
    """The board of a task as CSV or Parquet."""
    task, target = words[0], path_of(words[1])
    names = [found.task.name for found in tasks.tasks(actions.ledger)]
    if task not in names:
        raise UnknownName(f"There is no task {task!r}.{did_you_mean(task, names)}")
    if target.suffix not in {".csv", ".parquet"}:
        raise BadInput(f"{str(target)!r}: give a name that ends in .csv or .parquet.")
    found = ask_child(actions.home, "bot.hosts.export", "board", task, str(target))
    return Reply(f"{found['rows']} runs of {task} are in {target}.", data=found)


def predictions(actions: Actions, words: Sequence[str]) -> Reply:
    """What a run answered, row by row, as `import-predictions` reads it."""
    run, target = actions.ledger.run(words[0]), path_of(words[1])
    if target.suffix not in {".jsonl", ".parquet"}:
        raise BadInput(f"{str(target)!r}: give a name that ends in .jsonl or .parquet.")
    found = ask_child(actions.home, "bot.hosts.export", "predictions", run.id, str(target))
    text = f"{found['rows']} answers of {run.id} are in {target}."
    return Reply(text, run_id=run.id, data=found)


def card(actions: Actions, words: Sequence[str]) -> Reply:
    """A Hugging Face model card of a run."""
    run, target = actions.ledger.run(words[0]), path_of(words[1])
    found = ask_child(actions.home, "bot.hosts.export", "card", run.id, str(target))
    return Reply(f"The card of {run.id} is in {target}.", run_id=run.id, data=found)


def _keys(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    files = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            files.append(word)
        elif key not in KEYS:
            raise BadInput(f"`import-predictions` has no key {key!r}.{did_you_mean(key, KEYS)}")
        else:
            given[key] = value
    if given.get("missing", "wrong") != "wrong":
        raise BadInput(f"missing={given['missing']!r}: the only choice is missing=wrong.")
    return given, files


def _spec(actions: Actions, given: Mapping[str, str]) -> RunSpec:
    registered = tasks.task(actions.ledger, given["task"])
    try:
        return RunSpec(
            task=registered.task,
            method=Method.EXTERNAL,
            dataset_digest=registered.dataset.content_digest,
            label=given["name"],
        )
    except ValidationError as error:
        raise BadInput(f"This cannot be imported: {explain(error)}") from error


def _ask_trainer(folder: Path, file: Path, given: Mapping[str, str]) -> None:
    """Have the trainer read the rows and write the evidence, in a process of its own."""
    try:
        numbers = {name: float(given[name]) for name in NUMBERS if name in given}
    except ValueError as error:
        raise BadInput(f"{', '.join(NUMBERS)} must be numbers: {error}.") from error
    asked = {
        "numbers": numbers,
        "note": given.get("note", ""),
        "missing_is_wrong": given.get("missing") == "wrong",
    }
    _trainer(["import", str(folder), str(file)], json.dumps(asked))


def merge(actions: Actions, words: Sequence[str]) -> Reply:
    """A run's adapter and its base as one model, proven equal; GGUF and a hub only when asked."""
    user = os_user()
    caller = Caller(actions.settings.person_of_os(user), "terminal", user)
    require(caller, LAUNCH, "merge a model")
    run, target = actions.ledger.run(words[0]), path_of(words[1])
    asked = ["merge", str(actions.home.run(run.id).path), str(target)]
    for word in words[2:]:
        if word == "gguf":
            asked.append("--gguf")
        elif word.startswith("push="):
            asked += ["--push", word.removeprefix("push=")]
        else:
            raise BadInput(
                f"I do not know {word!r} here. Write `merge RUN FOLDER [gguf] [push=…]`."
            )
    found = _trainer(asked, "")
    apart = float(found["largest_difference"])
    text = (
        f"The merged model of {run.id} is in {found['folder']}. Its logits are those of adapter "
        f"and base: at most {apart:.2g} apart on {found['rows']} texts."
    )
    extra = [f"{key}: {found[key]}" for key in ("gguf", "pushed") if key in found]
    return Reply("\n".join([text, *extra]), run_id=run.id, data=found)


def _trainer(words: Sequence[str], question: str) -> dict[str, Any]:
    """Ask the trainer, in a process of its own; it prints one JSON object."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "trainer", *words],
        input=question,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=child_environment(),
        check=False,
    )
    try:
        found = dict(json.loads(done.stdout))
    except ValueError as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        said = f"the trainer could not {words[0]} (exit {done.returncode}): {last[0]}"
        raise InternalError(said) from error
    if "error" in found:
        if done.returncode == BadInput.exit_code:
            raise BadData(str(found["error"]["message"]))
        raise InternalError(str(found["error"]["message"]))
    return found


def serve(actions: Actions, words: Sequence[str]) -> Reply:
    """Serve a run on the loopback until nobody has asked for a while, or Ctrl-C."""
    run = actions.ledger.run(words[0])
    if openings.is_hidden(actions.ledger, run):
        raise BadInput(f"{run.id} has sealed scores; put it up for review first.")
    given = dict(word.partition("=")[::2] for word in words[1:])
    unknown = sorted(set(given) - {"port", "idle"})
    if unknown or not all(value.isdigit() for value in given.values()):
        raise BadInput("Write `serve RUN [port=8899] [idle=10]`, idle in minutes.")
    token = os.environ.get("TUNEBOARD_SERVE_TOKEN") or secrets.token_hex(16)
    port, idle = given.get("port", "8899"), 60 * int(given.get("idle", "10"))
    asked = [sys.executable, "-P", "-m", "trainer", "serve", str(actions.home.run(run.id).path)]
    asked += ["--port", port, "--idle", str(idle)]
    sys.stderr.write(
        f"Loading {run.id}. For the page Try it, start the leaderboard with\n"
        f"TUNEBOARD_SERVE=http://127.0.0.1:{port} TUNEBOARD_SERVE_TOKEN={token}\n"
    )
    environment = child_environment() | {"TUNEBOARD_SERVE_TOKEN": token}
    with contextlib.suppress(KeyboardInterrupt):
        done = subprocess.run(asked, env=environment, check=False)
        if done.returncode:
            raise BadInput(f"{run.id} cannot be served; the lines above say why.")
    return Reply(f"{run.id} is not served any more.", run_id=run.id, data={"run": run.id})
