"""The data of several tasks that are learnt together: no test row of one is learnt with another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from storage.records import Split
from trainer.data.dataset import Dataset
from trainer.data.leakage import keep_out
from trainer.data.quality import summarise
from trainer.evaluate.arrays import IntArray

LEARNT = (Split.TRAIN, Split.VALIDATION)


def kept_apart(datasets: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """The same data, rows to learn from left out that another task's test holds.

    Args:
        datasets: Task name to its data.
    """
    return {
        name: _without(
            dataset,
            {other: data for other, data in datasets.items() if other != name},
        )
        for name, dataset in datasets.items()
    }


def _without(dataset: Dataset, others: Mapping[str, Dataset]) -> Dataset:
    held_out = [data.splits[Split.TEST] for data in others.values()]
    kept = {split: keep_out(dataset.splits[split], *held_out) for split in LEARNT}
    dropped = sum(one.dropped for one in kept.values())
    if not dropped or not all(one.kept for one in kept.values()):
        return dataset
    version, labelled = dataset.version, bool(dataset.labels)
    changed = {
        split: summarise(split, one.kept, dataset.sensitive, labelled=labelled)
        for split, one in kept.items()
    }
    note = f"{dropped} rows were left out that the test rows of {' or '.join(others)} hold"
    quality = version.quality.model_copy(update={"notes": (*version.quality.notes, note)})
    splits = tuple(changed.get(one.split, one) for one in version.splits)
    return replace(
        dataset,
        version=version.model_copy(update={"splits": splits, "quality": quality}),
        splits=dataset.splits | {split: one.kept for split, one in kept.items()},
    )


def repeated(sizes: Sequence[int], weights: Sequence[float], seed: int) -> list[IntArray]:
    """Which rows of each task an epoch takes: all, as often as the task's weight says.

    The smallest weight means once. Of a broken number, the rest is a sample without replacement.

    Args:
        sizes: Shape (tasks,). Training rows of each.
        weights: Shape (tasks,). Above 0.

    Returns:
        Shape (tasks,) of places, shape (rows taken,) each.
    """
    rng = np.random.default_rng(seed)
    times = np.asarray(weights) / min(weights)
    found = []
    for size, count in zip(sizes, times, strict=True):
        whole, rest = divmod(round(float(count) * size), size)
        sample = rng.permutation(size)[:rest]
        found.append(np.concatenate([np.tile(np.arange(size), whole), np.sort(sample)]))
    return found
