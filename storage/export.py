"""A task's published board as one flat file: what a reviewer would want beside other numbers."""

from importlib.resources import files
from pathlib import Path

import duckdb


def export_board(snapshot: Path, task: str, target: Path) -> int:
    """Write the board as CSV or Parquet, by the ending of the name; gives the number of runs.

    Raises:
        OSError: The file cannot be written.
    """
    query = (files("storage") / "queries" / "export.sql").read_text(encoding="utf-8")
    kind = "parquet" if target.suffix == ".parquet" else "csv"
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(target))
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        connection.execute(f"create temp table exported as {query}", {"task": task})
        count = connection.execute("select count(*) from exported").fetchall()[0][0]
        name = str(target).replace("'", "''")
        connection.execute(f"copy exported to '{name}' (format {kind})")
    return int(count)
