"""Which test rows touch what is learnt from: the same text, or the same cluster."""

from dataclasses import dataclass

import numpy as np

from storage.records import Split
from trainer.data.dataset import Dataset
from trainer.data.leakage import ids_also_in, ids_of_shared_clusters
from trainer.evaluate.arrays import BoolArray


@dataclass(frozen=True, slots=True)
class Contact:
    """Test rows that touch train or validation. Shape (test rows,) each.

    Attributes:
        learnt: The folded text is among the rows that the model is trained or selected on.
        given: It was among them in the files as they were given; it may have been kept out since.
        cluster: The row's cluster is among those of train or validation.
    """

    learnt: BoolArray
    given: BoolArray
    cluster: BoolArray

    @property
    def any_text(self) -> BoolArray:
        """The rows that are left out of the clean subset."""
        return self.learnt | self.given


def find_contact(dataset: Dataset) -> Contact:
    """Compare the test rows with the rows that are really learnt from."""
    test = dataset.splits[Split.TEST]
    learnt = dataset.splits[Split.TRAIN], dataset.splits[Split.VALIDATION]

    def mask(ids: frozenset[str]) -> BoolArray:
        return np.array([row.id in ids for row in test], np.bool_)

    return Contact(
        learnt=mask(ids_also_in(test, *learnt)),
        given=mask(dataset.leaked),
        cluster=mask(ids_of_shared_clusters(test, *learnt)),
    )
