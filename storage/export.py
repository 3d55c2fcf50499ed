"""What leaves as one flat file: a task's published board, a run's predictions."""

from importlib.resources import files
from pathlib import Path

import duckdb


def export_board(snapshot: Path, task: str, target: Path) -> int:
    """Write the board as CSV or Parquet, by the ending of the name; gives the number of runs.

    Raises:
        OSError: The file cannot be written.
    """
    query = (files("storage") / "queries" / "export.sql").read_text(encoding="utf-8")
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        return _write(connection, query, {"task": task}, target)


def export_predictions(predictions: Path, target: Path) -> int:
    """Write a run's answers as `import-predictions` reads them; gives the number of rows.

    Raises:
        OSError: The file cannot be written.
    """
    query = (files("storage") / "queries" / "predictions.sql").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        return _write(connection, query, {"file": str(predictions)}, target)


def _write(
    connection: duckdb.DuckDBPyConnection, query: str, given: dict[str, str], target: Path
) -> int:
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(target))
    kind = {".parquet": "parquet", ".jsonl": "json"}.get(target.suffix, "csv")
    connection.execute(f"create temp table exported as {query}", given)
    count = connection.execute("select count(*) from exported").fetchall()[0][0]
    name = str(target).replace("'", "''")
    connection.execute(f"copy exported to '{name}' (format {kind})")
    return int(count)
