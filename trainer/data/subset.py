"""A part of the training rows, to see whether more of them would pay."""

import hashlib
import math
from collections import defaultdict
from dataclasses import replace

from storage.records import Split
from trainer.data.dataset import Dataset
from trainer.data.quality import summarise
from trainer.data.schema import Example


def subset_of(dataset: Dataset, share: float | None) -> Dataset:
    """The same data with a share of the training rows; validation and test stay whole.

    Rows are chosen by the hash of their id, of each label its share and at least one: a smaller
    subset is part of every larger one, whatever the seed of the run.
    """
    if share is None:
        return dataset
    rows = dataset.splits[Split.TRAIN]
    by_label: dict[str, list[Example]] = defaultdict(list)
    for row in rows:
        by_label[row.label if dataset.labels else ""].append(row)
    chosen: set[str] = set()
    for members in by_label.values():
        ordered = sorted(members, key=lambda row: hashlib.sha256(row.id.encode()).digest())
        chosen |= {row.id for row in ordered[: max(1, math.ceil(share * len(members) - 1e-9))]}
    kept = tuple(row for row in rows if row.id in chosen)
    version = dataset.version
    train = summarise(Split.TRAIN, kept, dataset.sensitive, labelled=bool(dataset.labels))
    splits = tuple(train if one.split is Split.TRAIN else one for one in version.splits)
    note = f"trained on {len(kept)} of {len(rows)} training rows (subset={share:g})"
    quality = version.quality.model_copy(update={"notes": (*version.quality.notes, note)})
    changed = version.model_copy(update={"splits": splits, "quality": quality})
    return replace(dataset, version=changed, splits=dataset.splits | {Split.TRAIN: kept})
