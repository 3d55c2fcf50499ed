"""What a run said about each test row, read back from its folder as arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import CorruptFolder
from storage.evidence_tables import PREDICTIONS
from storage.records import digest_of
from storage.run_folder import RunFolder

if TYPE_CHECKING:  # the bot reads this module's callers without loading numpy
    import numpy as np
    from numpy.typing import NDArray


COLUMNS = ("example_id", "gold", "predicted", "probabilities", "cluster", "groups", "scores")


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """Predictions on one split, ordered by example id so that runs line up.

    Attributes:
        ids: Shape (n,).
        gold: Shape (n,). Places in the run's labels.
        probabilities: Shape (n, labels).
        answers: Shape (n,), or None. Of a model without probabilities: places in the labels, −1
            where there was no usable answer; `probabilities` are then 0.
        scores: Of answers that are no labels, how each was judged, by the judgement's name, each of
            shape (n,); `gold` and `probabilities` are then empty.
        clusters: Shape (n,), or empty where the task names no cluster column.
        digest: Of ids and true labels: equal digests mean the same rows.
    """

    ids: tuple[str, ...]
    gold: "NDArray[np.int64]"
    probabilities: "NDArray[np.float64]"
    digest: str
    clusters: tuple[str, ...] = ()
    answers: "NDArray[np.int64] | None" = None
    scores: "dict[str, NDArray[np.float64]] | None" = None


def predicted_rows(
    folder: RunFolder, labels: tuple[str, ...], split: str = "test"
) -> PredictedRows:
    """The run's predictions on a split (of train, the sample that was scored).

    Raises:
        CorruptFolder: They are not there, or are not what the run's summary says.
    """
    import numpy as np

    table = _read(folder, split)
    names = table.column("gold").to_pylist()
    if names and not labels:
        return _judged_rows(table, names)
    places = {label: place for place, label in enumerate(labels)}
    if not names or not set(names) <= places.keys():
        raise CorruptFolder(f"{folder.run_id}: its predictions do not fit its labels")
    given = table.column("probabilities").combine_chunks()
    ids = tuple(table.column("example_id").to_pylist())
    gold = np.array([places[name] for name in names], np.int64)
    digest = digest_of([list(ids), names])
    if given.null_count == len(names):
        said = [places.get(name, -1) for name in table.column("predicted").to_pylist()]
        nothing, answers = np.zeros((len(names), len(labels))), np.array(said, np.int64)
        return PredictedRows(ids, gold, nothing, digest, _clusters(table), answers)
    flat = given.flatten().to_numpy(zero_copy_only=False)
    if len(flat) != len(names) * len(labels) or not np.isfinite(flat).all():
        raise CorruptFolder(f"{folder.run_id}: its predictions lack probabilities")
    return PredictedRows(
        ids=ids,
        gold=gold,
        probabilities=np.asarray(flat, np.float64).reshape(len(names), len(labels)),
        digest=digest,
        clusters=_clusters(table),
    )


def _judged_rows(table: Any, gold: list[str]) -> PredictedRows:
    """Answers that are no labels."""
    import numpy as np

    ids, rows = tuple(table.column("example_id").to_pylist()), table.column("scores").to_pylist()
    names = [name for name, _ in rows[0]]
    values = np.array([[value for _, value in row] for row in rows], np.float64)
    return PredictedRows(
        ids=ids,
        gold=np.empty(0, np.int64),
        probabilities=np.empty((0, 0)),
        digest=digest_of([list(ids), gold]),
        clusters=_clusters(table),
        scores=dict(zip(names, values.T, strict=True)),
    )


def predicted_groups(folder: RunFolder) -> dict[str, tuple[str, ...]]:
    """Sensitive column to the value of each test row, ordered as `predicted_rows`.

    Raises:
        CorruptFolder: They are not there.
    """
    found = _read(folder, "test").column("groups").to_pylist()
    columns = dict.fromkeys(name for pairs in found for name, _ in pairs)
    rows = [dict(pairs) for pairs in found]
    return {name: tuple(row.get(name) or "" for row in rows) for name in columns}


def _clusters(table: Any) -> tuple[str, ...]:
    if "cluster" not in table.column_names:
        return ()
    found = table.column("cluster").to_pylist()
    return () if None in found else tuple(found)


def _read(folder: RunFolder, split: str) -> Any:  # pyarrow carries no types of its own
    import pyarrow as pa
    from pyarrow import parquet

    try:
        target = folder.evidence / PREDICTIONS
        there = set(parquet.read_schema(target).names)  # runs of before know no clusters
        table = parquet.read_table(
            target,
            columns=[name for name in COLUMNS if name in there],
            filters=[("split", "=", split)],
        )
    except (FileNotFoundError, pa.ArrowException) as error:
        raise CorruptFolder(f"{folder.run_id}: its predictions cannot be read") from error
    return table.sort_by("example_id")
