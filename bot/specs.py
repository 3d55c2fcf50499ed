"""From the words of `run` and `plan` to a RunSpec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from bot import bases
from bot.commands import Command, did_you_mean
from bot.settings import Settings
from storage import tasks
from storage.errors import BadInput, UnknownName
from storage.home import Home
from storage.ledger import Ledger
from storage.records import (
    BaseRef,
    Method,
    Parent,
    Portion,
    Run,
    RunSpec,
    RunState,
    SharedTraining,
    Training,
)
from storage.run_folder import sha256_of
from storage.tasks import explain

MOST_SUBSETS = 10
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
    "max_steps": "max_steps",
    "max_minutes": "max_minutes",
}


PRESETS: dict[str, dict[str, str]] = {
    "quick": {"epochs": "1", "max_minutes": "5"},
    "thorough": {"epochs": "6", "patience": "5"},
}
"""Keys of `run` that a preset stands for; what is typed beside it counts more."""


def specs_from(
    command: Command, ledger: Ledger, home: Home, settings: Settings, *, own_paths: bool
) -> tuple[RunSpec, ...]:
    """The specs a person means: one, or one for each share of `subset=10%,30%,100%`.

    Raises:
        As `spec_from`.
    """
    shares = command.options.get("subset", "").split(",")
    if len(shares) > MOST_SUBSETS:
        raise BadInput(f"`subset` names {len(shares)} shares; at most {MOST_SUBSETS} at once.")
    asked = [
        replace(command, options={**command.options, "subset": share} if share else command.options)
        for share in shares
    ]
    return tuple(spec_from(one, ledger, home, settings, own_paths=own_paths) for one in asked)


def spec_from(
    command: Command, ledger: Ledger, home: Home, settings: Settings, *, own_paths: bool
) -> RunSpec:
    """The spec a person means: `run tickets lora base=minilm` or with `task=` and `method=`.

    Raises:
        BadInput: Something is missing or wrong; the message says which key.
        UnknownName: No such task, method or base.
    """
    options = with_plain_words(command)
    method = _method(options.get("method"), command.verb)
    mix = _portions(options["tasks"], ledger, command.verb) if "tasks" in options else ()
    own = mix[0].task.name if mix else options.get("task")
    registered = _task(own, ledger, command.verb)
    parent = _parent(options["from"], ledger, home) if "from" in options else None
    given: dict[str, Any] = {
        "task": registered.task,
        "method": method,
        "base": _base(options.get("base"), parent, settings, own_paths=own_paths),
        "parent": parent.record if parent else None,
        "subset": _share(options["subset"]) if "subset" in options else None,
        "dataset_digest": registered.dataset.content_digest,
        "weight": mix[0].weight if mix else 1.0,
        "mix": mix[1:],
        "training": _training(options, method),
    } | {key: options[key] for key in _SPEC_KEYS if key in options}
    try:
        return RunSpec.model_validate(given)
    except ValidationError as error:
        raise BadInput(f"This run cannot be made: {_in_our_words(error)}") from error


def changed(
    before: RunSpec, command: Command, ledger: Ledger, settings: Settings, *, own_paths: bool
) -> RunSpec:
    """A run's spec with other settings, on the newest version of its task.

    Raises:
        As `spec_from`.
    """
    options = command.options
    method = _method(options["method"], command.verb) if "method" in options else before.method
    registered = _task(before.task.name, ledger, command.verb)
    training = before.training.model_dump(exclude_none=True) if method is before.method else {}
    given: dict[str, Any] = {
        **before.model_dump(exclude={"training", "task"}),
        "task": registered.task,
        "dataset_digest": registered.dataset.content_digest,
        "method": method,
        "training": {**training, **_training(options, method).model_dump(exclude_none=True)},
    } | {key: options[key] for key in _SPEC_KEYS if key in options}
    if "base" in options:
        given["base"] = bases.resolve(settings, options["base"], own_paths=own_paths)
    elif not method.needs_base:
        given["base"] = None
    if "subset" in options:
        given["subset"] = _share(options["subset"])
    try:
        return RunSpec.model_validate(given)
    except ValidationError as error:
        raise BadInput(f"This run cannot be made: {_in_our_words(error)}") from error


def sharing(run: Run, home: Home) -> tuple[RunSpec, ...]:
    """The specs of the runs that measure what a run of a mix learns, one a further task."""
    spec = run.spec
    if spec.shared is not None:
        return ()
    own = Portion(task=spec.task, weight=spec.weight, dataset_digest=spec.dataset_digest)
    shared = SharedTraining(run_id=run.id, folder=str(home.run(run.id).path.resolve()))
    return tuple(
        spec.model_copy(
            update={
                "task": portion.task,
                "weight": portion.weight,
                "dataset_digest": portion.dataset_digest,
                "mix": (own, *(other for other in spec.mix if other is not portion)),
                "shared": shared,
            }
        )
        for portion in spec.mix
    )


def _portions(words: str, ledger: Ledger, verb: str) -> tuple[Portion, ...]:
    """`tickets:1,spam:0.5` as tasks with their weights; without one, the weight is 1.

    Raises:
        BadInput: One task only, or a weight that is none.
        UnknownName: There is no such task.
    """
    found = []
    for word in filter(None, words.split(",")):
        name, _, weight = word.partition(":")
        registered = _task(name, ledger, verb)
        try:
            found.append(
                Portion(
                    task=registered.task,
                    weight=float(weight or 1),
                    dataset_digest=registered.dataset.content_digest,
                )
            )
        except ValueError as error:
            raise BadInput(
                f"`tasks` has the weight {weight!r} for {name}: give a number above 0, such as "
                f"tasks={name}:1,other:2."
            ) from error
    if len(found) < 2:
        raise BadInput("`tasks` names the tasks of a mix: at least two, such as tasks=a:1,b:2.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Before:
    """A run that another goes on from."""

    record: Parent
    spec: RunSpec


def _parent(name: str, ledger: Ledger, home: Home) -> _Before:
    """The run behind `from=run:ID` (or the bare id).

    Raises:
        BadInput: It has no adapter to go on with.
    """
    run = ledger.run(name.removeprefix("run:"))
    folder = home.run(run.id)
    weights = folder.adapter / "adapter_model.safetensors"
    if run.state is not RunState.SUCCEEDED or not weights.is_file():
        raise BadInput(
            f"{run.id} is {run.state.value} and of method {run.spec.method.value}: `from` needs a "
            "run of lora or qlora that succeeded."
        )
    before = run.spec.parent
    lineage = (before.run_id, *before.lineage) if before else ()
    record = Parent(
        run_id=run.id,
        folder=str(folder.path.resolve()),
        adapter_sha256=sha256_of(weights),
        lineage=lineage,
    )
    return _Before(record, run.spec)


def _base(
    name: str | None, parent: _Before | None, settings: Settings, *, own_paths: bool
) -> BaseRef | None:
    """The base that is named; a run that goes on from another has that run's."""
    found = bases.resolve(settings, name, own_paths=own_paths) if name else None
    if parent is None:
        return found
    known = parent.spec.base
    if found is not None and known is not None and _place(found) != _place(known):
        raise BadInput(
            f"{parent.record.run_id} was trained on base {known.name!r}, and base={name} is "
            "another: an adapter only fits its own. Leave base out."
        )
    return known


def _place(base: BaseRef) -> tuple[str | None, str | None, str | None]:
    return base.path, base.hub, base.revision


def _share(word: str) -> float | None:
    """`30%` or `0.3` as a share; all of it is no subset."""
    try:
        share = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise BadInput(f"`subset` is {word!r}: give a share of the training rows, such as 30%.")
    return None if share == 1 else share


def with_plain_words(command: Command) -> Mapping[str, str]:
    """Plain words stand for the task and the method, in this order."""
    options = dict(command.options)
    if {"task", "tasks"} <= options.keys():
        raise BadInput("Give `task` or `tasks`, not both; the first of `tasks` is the run's own.")
    wanted = ("method",) if "tasks" in options else ("task", "method")
    for word in command.words:
        key = next((key for key in wanted if key not in options), None)
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


def _preset(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    if name not in PRESETS:
        raise UnknownName(f"There is no preset {name!r}.{did_you_mean(name, list(PRESETS))}")
    return PRESETS[name]


def _training(options: Mapping[str, str], method: Method) -> Training:
    options = _preset(options.get("preset")) | dict(options)
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
