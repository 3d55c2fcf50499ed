"""Predictions come in, boards and cards go out; all through the real trainer and projection."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from pyarrow import parquet

from bot.actions import Actions
from bot.exchange import card, export, import_predictions
from bot.hosts.inspection import inspect_task
from bot.hosts.projection import project
from bot.settings import PersonEntry, Settings, os_user
from storage import published, tasks
from storage.errors import BadData, BadInput
from storage.home import Home
from storage.ledger import Ledger
from storage.records import DataSource, Outcome, Role, RunState, Task

LABELS = ("no", "yes")


@pytest.fixture
def place(tmp_path: Path, ledger: Ledger, home: Home) -> Actions:
    """A home with a task of 300 test rows whose text says the answer."""
    rows = [{"text": f"row {i} says {LABELS[i % 2]}", "label": LABELS[i % 2]} for i in range(700)]
    for name, part in (("train", rows[:400]), ("test", rows[400:])):
        lines = "\n".join(json.dumps(row) for row in part)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    source = DataSource(train=str(tmp_path / "train.jsonl"), test=str(tmp_path / "test.jsonl"))
    task = Task(name="said", data=source)
    tasks.add_task(ledger, task, inspect_task(task), "", "me")
    me = PersonEntry(roles=(Role.LAUNCHER,), os=os_user())
    return Actions(ledger, home, Settings(people={"me": me}))


def _rows(wrong: int = 30, **more: Any) -> list[dict[str, Any]]:
    """Answers by text; the first ones are wrong."""
    found = []
    for i in range(400, 700):
        label = LABELS[i % 2] if i >= 400 + wrong else LABELS[1 - i % 2]
        found.append({"text": f"ROW {i}  says {LABELS[i % 2]}", "predicted": label} | more)
    return found


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def test_an_outside_model_stands_on_the_board_beside_the_others(
    place: Actions, tmp_path: Path
) -> None:
    words = ["task=said", "cost_per_1000=0.5"]
    one = import_predictions(place, [*words, "name=api-x", _write(tmp_path / "a.jsonl", _rows(30))])
    certain = [
        {"text": row["text"], "probabilities": {"no": 0.9, "yes": 0.1}}
        if row["predicted"] == "no"
        else {"text": row["text"], "probabilities": [0.1, 0.9]}
        for row in _rows(6)
    ]
    two = import_predictions(place, ["task=said", "name=notebook", _write(tmp_path / "b", certain)])
    assert place.ledger.run(str(one.run_id)).state is RunState.SUCCEEDED
    project(place.home)
    summary = published.read_summary(place.home.board)
    assert summary
    found = {row.run_id: row for row in summary.standings["said"]}
    api, notebook = found[str(one.run_id)], found[str(two.run_id)]
    assert api.primary.value == pytest.approx(0.9, abs=0.01)
    assert (api.base, notebook.base) == ("api-x", "notebook")
    assert api.ranked
    assert notebook.ranked
    assert notebook.tie_group == 1
    metrics = {m.name: m for m in api.metrics if m.split in {"test", "run"}}
    assert metrics["roc_auc"].value is None
    assert "no probabilities" in str(metrics["roc_auc"].missing_because)
    assert metrics["cost_per_1000"].value == 0.5
    reload = next(check for check in api.checks if check.id == "adapter_reload")
    assert reload.outcome is Outcome.NOT_RUN


def test_the_same_file_twice_is_one_run(place: Actions, tmp_path: Path) -> None:
    words = ["task=said", "name=x", _write(tmp_path / "a.jsonl", _rows())]
    first, again = import_predictions(place, words), import_predictions(place, words)
    assert first.run_id == again.run_id
    assert len(place.ledger.runs()) == 1


def test_no_usable_answer_is_wrong_and_counted(place: Actions, tmp_path: Path) -> None:
    rows = _rows(0)
    rows[0]["predicted"], rows[1]["predicted"] = None, "I am not sure"
    run = import_predictions(place, ["task=said", "name=x", _write(tmp_path / "a", rows)])
    found = {m.name: m.value for m in place.home.run(str(run.run_id)).metrics() if not m.group}
    assert found["accuracy"] == pytest.approx(298 / 300)
    assert found["unparsable_rate"] == pytest.approx(2 / 300)


def test_missing_rows_are_refused_unless_they_shall_count_as_wrong(
    place: Actions, tmp_path: Path
) -> None:
    words = ["task=said", "name=x", _write(tmp_path / "a", _rows(0)[:270])]
    with pytest.raises(BadData, match="30 of 300 test rows are not answered"):
        import_predictions(place, words)
    assert place.ledger.runs() == ()
    assert list(place.home.runs.iterdir()) == []
    run = import_predictions(place, [*words, "missing=wrong"])
    found = {m.name: m.value for m in place.home.run(str(run.run_id)).metrics() if not m.group}
    assert found["accuracy"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": "nobody said this"}, "row 1: no such example"),
        ({"split": "train"}, "row 1: split is 'train'"),
        ({"probabilities": [0.7, 0.7]}, "sum to 1"),
        ({"probabilities": {"no": 0.5, "maybe": 0.5}}, "the labels are"),
    ],
    ids=["unknown row", "split", "no distribution", "unknown label"],
)
def test_a_bad_row_is_named(
    place: Actions, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = _rows()
    if "probabilities" in change:
        rows = [row | {"probabilities": [0.5, 0.5]} for row in rows]
    rows[0] |= change
    with pytest.raises(BadData, match=words):
        import_predictions(place, ["task=said", "name=x", _write(tmp_path / "a", rows)])


def test_words_that_are_no_keys_are_refused(place: Actions) -> None:
    with pytest.raises(BadInput, match="no key 'nam'"):
        import_predictions(place, ["task=said", "nam=x", "a.jsonl"])
    with pytest.raises(BadInput, match="Write `import-predictions"):
        import_predictions(place, ["task=said", "a.jsonl"])


def test_the_board_goes_out_as_csv_and_parquet(place: Actions, tmp_path: Path) -> None:
    run = import_predictions(place, ["task=said", "name=x", _write(tmp_path / "a", _rows())])
    project(place.home)
    for name in ("board.csv", "board.parquet"):
        export(place, ["said", str(tmp_path / name)])
    with (tmp_path / "board.csv").open() as lines:
        (row,) = csv.DictReader(lines)
    assert row["run_id"] == run.run_id
    assert float(row["test_accuracy_value"]) == pytest.approx(0.9)
    assert float(row["test_accuracy_low"]) < 0.9
    assert "adapter_reload: not_run" in row["checks"]
    assert parquet.read_table(tmp_path / "board.parquet").num_rows == 1
    with pytest.raises(BadInput, match=r"ends in .csv or .parquet"):
        export(place, ["said", str(tmp_path / "board.xls")])
    with pytest.raises(BadInput, match="cannot be written"):
        export(place, ["said", str(tmp_path / "nowhere" / "board.csv")])


def test_a_card_is_one_that_the_hub_understands(place: Actions, tmp_path: Path) -> None:
    run = import_predictions(place, ["task=said", "name=x", _write(tmp_path / "a", _rows())])
    project(place.home)
    card(place, [str(run.run_id), str(tmp_path / "card.md")])
    found = ModelCard.load(tmp_path / "card.md")
    results = {result.metric_type: result.metric_value for result in found.data.eval_results}
    assert results["accuracy"] == pytest.approx(0.9)
    assert "roc_auc" not in results
    assert "| roc_auc | not measured | only answers were given" in found.text
    assert "| adapter_reload | not run |" in found.text
