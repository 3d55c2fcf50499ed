"""From the words of `run` and `plan` to a RunSpec."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from bot import bases
from bot.commands import Command, did_you_mean
from bot.settings import Settings
from storage import tasks
from storage.errors import BadInput, UnknownName
from storage.ledger import Ledger
from storage.records import Method, RunSpec, Training
from storage.tasks import explain

_SPEC_KEYS = ("seed", "engine", "device", "scoring", "prompt", "shots")
_TRAINING_KEYS = {
    "epochs": "epochs",
    "lr": "learning_rate",
    "batch": "batch_size",
    "max_tokens": "max_tokens",
    "rank": "rank",
    "alpha": "alpha",
    "dropout": "dropout",
    "patience": "patience",
}


def spec_from(command: Command, ledger: Ledger, settings: Settings, *, own_paths: bool) -> RunSpec:
    """The spec a person means: `run tickets lora base=minilm` or with `task=` and `method=`.

    Raises:
        BadInput: Something is missing or wrong; the message says which key.
        UnknownName: No such task, method or base.
    """
    options = _with_plain_words(command)
    method = _method(options.get("method"), command.verb)
    registered = _task(options.get("task"), ledger, command.verb)
    base = options.get("base")
    given: dict[str, Any] = {
        "task": registered.task,
        "method": method,
        "base": bases.resolve(settings, base, own_paths=own_paths) if base else None,
        "dataset_digest": registered.dataset.content_digest,
        "training": _training(options, method),
    } | {key: options[key] for key in _SPEC_KEYS if key in options}
    try:
        return RunSpec.model_validate(given)
    except ValidationError as error:
        raise BadInput(f"This run cannot be made: {_in_our_words(error)}") from error


def _with_plain_words(command: Command) -> Mapping[str, str]:
    """Plain words stand for the task and the method, in this order."""
    options = dict(command.options)
    for word in command.words:
        key = next((key for key in ("task", "method") if key not in options), None)
        if key is None:
            raise BadInput(
                f"I do not know what {word!r} means after `{command.verb}`. "
                "Write settings as key=value, for example `epochs=2`."
            )
        options[key] = word
    return options


def _task(name: str | None, ledger: Ledger, verb: str) -> tasks.RegisteredTask:
    """A task by name; the others are read only where they have to be named."""
    if name is None:
        listed = ", ".join(_task_names(ledger)) or "none yet: `task add FILE` registers one"
        raise BadInput(f"`{verb}` needs a task: add task=NAME. Tasks: {listed}.")
    try:
        return tasks.task(ledger, name)
    except UnknownName as error:
        hint = did_you_mean(name, _task_names(ledger)) or " `task add FILE` registers one."
        raise UnknownName(f"There is no task {name!r}.{hint}") from error


def _task_names(ledger: Ledger) -> Sequence[str]:
    return [found.task.name for found in tasks.tasks(ledger)]


def _method(name: str | None, verb: str) -> Method:
    known: Sequence[str] = [method.value for method in Method if method is not Method.EXTERNAL]
    if name is None:
        raise BadInput(f"`{verb}` needs a method: add method=… ({', '.join(known)}).")
    if name.lower() not in known:
        raise UnknownName(f"There is no method {name!r}.{did_you_mean(name, list(known))}")
    return Method(name.lower())


def _training(options: Mapping[str, str], method: Method) -> Training:
    given = {field: options[key] for key, field in _TRAINING_KEYS.items() if key in options}
    fit = (
        set(_TRAINING_KEYS) if method.is_trained else {"max_tokens"} if method.needs_base else set()
    )
    if any(key in options and key not in fit for key in _TRAINING_KEYS):
        keys = ", ".join(key for key in _TRAINING_KEYS if key in options and key not in fit)
        raise BadInput(f"Method {method.value!r} is not trained in steps: leave out {keys}.")
    try:
        return Training.model_validate(given)
    except ValidationError as error:
        raise BadInput(f"This run cannot be made: {_in_our_words(error)}") from error


def _in_our_words(error: ValidationError) -> str:
    """Field names as the person typed them."""
    text = explain(error)
    for key, field in _TRAINING_KEYS.items():
        text = text.replace(f"`{field}`", f"`{key}`")
    return text
