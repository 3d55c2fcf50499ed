"""What a run said on a split, from its folder to the form that arithmetic takes."""

from storage.errors import CorruptFolder
from storage.predictions import predicted_rows
from storage.run_folder import RunFolder
from trainer.evaluate.judged import Judged
from trainer.evaluate.outputs import COLUMNS, Outputs
from trainer.evaluate.predictions import Predictions


def judged_rows(folder: RunFolder, labels: tuple[str, ...], split: str) -> tuple[Judged, str]:
    """What was said, and the digest of the rows that it was said of.

    Raises:
        CorruptFolder: It is not there, or is not what the run's summary says.
    """
    rows = predicted_rows(folder, labels, split)
    if rows.scores is None:
        found = Predictions(
            labels, rows.gold, rows.probabilities, rows.ids, rows.clusters, rows.answers
        )
        return found, rows.digest
    kinds = [kind for kind, names in COLUMNS.items() if set(names) == set(rows.scores)]
    if not kinds:
        raise CorruptFolder(f"{folder.run_id}: its answers were judged in an unknown way")
    return Outputs(kinds[0], rows.scores, rows.ids, rows.clusters), rows.digest
