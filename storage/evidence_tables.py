"""The Parquet files of a run's evidence: their columns, and how they are written.

The trainer writes them, the board and the pages query them in place. pyarrow is imported inside the
functions, so that reading these names costs nothing.

predictions.parquet, one row per example that was evaluated (train is a sample):
    split varchar, example_id varchar, row bigint (line in its file, from 1), text varchar (cut at
    500 characters), gold varchar, predicted varchar, probabilities list<double> (in the order of
    `summary.labels`), loss double, latency_ms double (null where not timed), groups map<varchar,
    varchar> (sensitive column to value), cluster varchar (null where the task names none), scores
    map<varchar, double> (how an answer that is no label was judged; null for labels). Answers that
    are no labels have no probabilities; they and their truths are cut at 2,000 characters
curves.parquet, one row per logged or evaluated step:
    step bigint, epoch double, train_loss double, validation_loss double, validation_metric double,
    learning_rate double; what was not measured at a step is null
fingerprints.parquet, one row per text that was learnt from or tested on, in no order:
    split varchar, hash ubigint (of the folded text), signature blob (64 MinHash numbers of 32 bits)
validation_losses.parquet, one row per validation example and evaluation (for `overfit_upturn`):
    step bigint, example_id varchar, loss double, correct boolean
along_losses.parquet, the same of the other tasks of a mix (not written where there are none):
    task varchar, step bigint, example_id varchar, loss double, correct boolean
counterfactuals.parquet, one row per text whose label changed most with the people it is about, at
most 50 (for `bias_counterfactual`; not written where there are none):
    attribute varchar, example_id varchar, source and target varchar (groups), original varchar,
    swapped varchar (cut at 500 characters), predicted varchar, predicted_swapped varchar,
    total_variation double
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREDICTIONS = "predictions.parquet"
CURVES = "curves.parquet"
VALIDATION_LOSSES = "validation_losses.parquet"
ALONG_LOSSES = "along_losses.parquet"
COUNTERFACTUALS = "counterfactuals.parquet"
FINGERPRINTS = "fingerprints.parquet"
SIGNATURE_BYTES = 256
TEXT_LIMIT = 500
ANSWER_LIMIT = 2000


def write_table(target: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write one of the files above from its columns.

    Raises:
        ValueError: The columns are not those of the file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(target.name)
    if set(columns) != set(schema.names):
        raise ValueError(f"{target.name} has the columns {schema.names}, not {sorted(columns)}")
    table = pa.table({name: columns[name] for name in schema.names}, schema=schema)
    parquet.write_table(table, target, compression="zstd")


def _schema(name: str) -> Any:  # pyarrow carries no types of its own
    import pyarrow as pa

    losses = [
        ("step", pa.int64()),
        ("example_id", pa.string()),
        ("loss", pa.float64()),
        ("correct", pa.bool_()),
    ]
    fields = {
        PREDICTIONS: [
            ("split", pa.string()),
            ("example_id", pa.string()),
            ("row", pa.int64()),
            ("text", pa.string()),
            ("gold", pa.string()),
            ("predicted", pa.string()),
            ("probabilities", pa.list_(pa.float64())),
            ("loss", pa.float64()),
            ("latency_ms", pa.float64()),
            ("groups", pa.map_(pa.string(), pa.string())),
            ("cluster", pa.string()),
            ("scores", pa.map_(pa.string(), pa.float64())),
        ],
        FINGERPRINTS: [
            ("split", pa.string()),
            ("hash", pa.uint64()),
            ("signature", pa.binary(SIGNATURE_BYTES)),
        ],
        CURVES: [
            ("step", pa.int64()),
            ("epoch", pa.float64()),
            ("train_loss", pa.float64()),
            ("validation_loss", pa.float64()),
            ("validation_metric", pa.float64()),
            ("learning_rate", pa.float64()),
        ],
        VALIDATION_LOSSES: losses,
        ALONG_LOSSES: [("task", pa.string()), *losses],
        COUNTERFACTUALS: [
            ("attribute", pa.string()),
            ("example_id", pa.string()),
            ("source", pa.string()),
            ("target", pa.string()),
            ("original", pa.string()),
            ("swapped", pa.string()),
            ("predicted", pa.string()),
            ("predicted_swapped", pa.string()),
            ("total_variation", pa.float64()),
        ],
    }
    return pa.schema(fields[name])
