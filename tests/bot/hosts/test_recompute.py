"""Everything computed again from the stored predictions gives the same; a change is found."""

import json
from pathlib import Path

import golden
import pytest
from pyarrow import parquet

from bot.hosts.projection import project
from bot.hosts.recompute import TOLERANCE, main, recompute
from storage.evidence_tables import PREDICTIONS
from storage.home import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = golden.make_home(tmp_path_factory.mktemp("recompute") / "home", runs=5, test_rows=240)
    project(made)
    return made


def test_all_numbers_are_the_same_to_the_last_digit(home: Home) -> None:
    found = recompute(home)
    assert set(found.counts) >= {"metric values", "metric lows", "places", "differences"}
    assert found.counts["metric values"] > 200
    assert max(found.largest.values()) <= TOLERANCE
    assert not found.unreadable


def test_one_task_alone_can_be_asked_for(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home.path), "--task", "pilot"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["agrees"]
    assert recompute(home, "pilot").counts["metric values"] < 200


def test_a_prediction_that_was_edited_is_found(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = next(path for path in sorted(home.runs.iterdir()) if (path / "evidence").exists())
    file = folder / "evidence" / PREDICTIONS
    before = file.read_bytes()
    table = parquet.read_table(file)
    column = table.column("probabilities").to_pylist()
    column[-1] = column[-1][::-1]
    place = table.schema.get_field_index("probabilities")
    field = table.schema.field("probabilities")
    import pyarrow as pa

    parquet.write_table(table.set_column(place, field, pa.array(column, field.type)), file)
    try:
        assert main(["--home", str(home.path), "--task", "tickets"]) == 1
        answer = json.loads(capsys.readouterr().out)
        assert not answer["agrees"]
    finally:
        file.write_bytes(before)


def test_a_home_without_a_board_says_how_to_make_one(tmp_path: Path) -> None:
    assert main(["--home", str(tmp_path)]) == 2
