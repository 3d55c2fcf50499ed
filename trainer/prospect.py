"""What is known of a run before it starts: its data as the base reads it, and whether it fits."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from storage.errors import BadInput
from storage.records import BaseRef, DataSource, MemoryNeed, Method, Prospect, RunSpec, Task
from trainer.data.dataset import Dataset, load_dataset, with_quality
from trainer.data.tokens import count_tokens, positions_of, token_limit, with_token_counts
from trainer.engines.bases import locate
from trainer.engines.footprint import footprint

T = TypeVar("T")

ASKED = (Method.LORA, Method.FULL)


def prospect_of(spec: RunSpec) -> Prospect:
    """Look at data and base without loading the base. What is wrong with the base is told with
    the rest, for all of it is known at once.

    Raises:
        BadData: The rows cannot be used.
        BadInput: A file of the data cannot be opened.
    """
    dataset = load_dataset(spec.task)
    if spec.base is None:
        return Prospect(dataset=dataset.version)
    if spec.base.path is None:
        why = f"base {spec.base.name} comes from a hub and is looked at when the run starts"
        return Prospect(dataset=dataset.version, problems=(f"Memory is not known: {why}.",))
    return _with_base(spec, dataset, spec.base, Path(spec.base.path))


def _with_base(spec: RunSpec, dataset: Dataset, base: BaseRef, folder: Path) -> Prospect:
    problems: list[str] = []

    def tried(work: Callable[[], T]) -> T | None:
        try:
            return work()
        except BadInput as error:
            if str(error) not in problems:
                problems.append(str(error))
            return None

    tried(lambda: locate(base))
    counted = tried(lambda: _counted(spec, dataset, folder)) or dataset
    longest = counted.version.quality.token_limit or spec.training.max_tokens or 128
    memory: MemoryNeed | None = tried(lambda: footprint(spec, folder, longest))
    return Prospect(dataset=counted.version, memory=memory, problems=tuple(problems))


def _counted(spec: RunSpec, dataset: Dataset, folder: Path) -> Dataset:
    counts = count_tokens(dataset, folder)
    limit = token_limit(spec.training.max_tokens, counts.train, folder)
    return with_quality(dataset, with_token_counts(dataset.version.quality, counts, limit))


def look_at(base: BaseRef) -> dict[str, object]:
    """What is known of a base without loading it: size, context, memory by method."""
    found: dict[str, object] = {
        "name": base.name,
        "parameters": None,
        "context": None,
        "memory": {},
        "problem": "",
    }
    if base.path is None:
        return found | {"problem": "from a hub: looked at when a run starts"}
    try:
        folder = locate(base)
        needs = {method: footprint(_any(base, method), folder, 128) for method in ASKED}
        context = positions_of(folder)
    except BadInput as error:
        return found | {"problem": str(error)}
    memory = {
        method.value: need.model_dump(mode="json")
        | {"needed_bytes": need.needed_bytes, "fits": need.short_bytes() <= 0}
        for method, need in needs.items()
    }
    parameters = next(iter(needs.values())).parameters
    return found | {"parameters": parameters, "context": context, "memory": memory}


def _any(base: BaseRef, method: Method) -> RunSpec:
    """A run of nothing in particular: memory asks for method and sizes alone."""
    task = Task(name="any", data=DataSource(file="any"))
    return RunSpec(task=task, method=method, base=base)
