"""Predictions come in, boards and cards go out; all through the real trainer and projection."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from pyarrow import parquet

from bot.actions import Actions
from bot.exchange import card, export, import_predictions, predictions
from bot.hosts.inspection import inspect_task
from bot.hosts.projection import project
from bot.settings import Settings, os_user
from storage import published, tasks
from storage.errors import BadData, BadInput
from storage.home import Home
from storage.ledger import Ledger
from storage.people import PersonEntry
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


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_answers_that_go_out_come_in_again(place: Actions, tmp_path: Path, name: str) -> None:
    certain = [row | {"probabilities": {"no": 0.7, "yes": 0.3}} for row in _rows()]
    words = ["task=said", "name=x", _write(tmp_path / "a", certain)]
    first = import_predictions(place, words).run_id or ""
    assert predictions(place, [first, str(tmp_path / name)]).data["rows"] == 300
    again = import_predictions(place, ["task=said", "name=again", str(tmp_path / name)])
    assert again.run_id != first
    told = [place.home.run(run).metrics() for run in (first, again.run_id or "")]
    assert told[0] == told[1]
    with pytest.raises(BadInput, match=r"ends in .jsonl or .parquet"):
        predictions(place, [first, str(tmp_path / "out.csv")])


class TestHarness:
    """Files as lm-evaluation-harness 0.4.13 writes them."""

    def test_results_bring_their_samples_and_the_model_name(
        self, place: Actions, tmp_path: Path
    ) -> None:
        file = self._write(tmp_path, wrong=30)
        words = ["task=said", "name=pythia", str(file)]
        folder = place.home.run(import_predictions(place, words).run_id or "")
        (accuracy,) = [m for m in folder.metrics() if (m.name, m.split) == ("accuracy", "test")]
        assert (accuracy.value, accuracy.n) == (pytest.approx(0.9), 300)
        assert "lm-evaluation-harness 0.4.13, tiny, task said_mc" in folder.summary().notes[0]
        assert any(m.name == "roc_auc" and m.value is not None for m in folder.metrics())

    def test_generated_answers_are_read_by_their_text(self, place: Actions, tmp_path: Path) -> None:
        samples = self._samples(wrong=60)
        for sample in samples:
            best = max(range(2), key=lambda i: float(sample["filtered_resps"][i][0]))
            sample["filtered_resps"] = [f" {LABELS[best].upper()}\n"]
        words = ["task=said", "name=x", _write(tmp_path / "samples.jsonl", samples)]
        folder = place.home.run(import_predictions(place, words).run_id or "")
        (accuracy,) = [m for m in folder.metrics() if (m.name, m.split) == ("accuracy", "test")]
        assert accuracy.value == pytest.approx(0.8)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"doc": {"text": "nobody said this"}}, "none of its fields"),
            ({"target": "0"}, "its gold label is 'no'; in the task it is 'yes'"),
            ({"arguments": {}}, "its choices are"),
            ({"filtered_resps": [["much"], ["little"]]}, "not as lm_eval logs it"),
            ({"filtered_resps": [["-9", "False"], ["-1", "False"]]}, "lm_eval counted an accuracy"),
        ],
        ids=["document", "gold", "choices", "numbers", "accuracy"],
    )
    def test_what_does_not_fit_is_named(
        self, place: Actions, tmp_path: Path, change: dict[str, Any], words: str
    ) -> None:
        file = self._write(tmp_path, wrong=30, change=change)
        with pytest.raises(BadData, match=words):
            import_predictions(place, ["task=said", "name=x", str(file)])

    def test_results_alone_are_refused_with_the_way_out(
        self, place: Actions, tmp_path: Path
    ) -> None:
        file = self._write(tmp_path, wrong=30)
        (tmp_path / "samples_said_mc_2026-11-25.jsonl").unlink()
        with pytest.raises(BadData, match="run lm_eval with --log_samples"):
            import_predictions(place, ["task=said", "name=x", str(file)])
        file.write_text("[]")
        with pytest.raises(BadData, match="no results file"):
            import_predictions(place, ["task=said", "name=x", str(file)])

    def _write(self, folder: Path, wrong: int, change: dict[str, Any] | None = None) -> Path:
        samples = self._samples(wrong)
        samples[1] |= change or {}
        _write(folder / "samples_said_mc_2026-11-25.jsonl", samples)
        results = {
            "results": {"said_mc": {"acc,none": 1 - wrong / 300, "acc_stderr,none": 0.02}},
            "n-shot": {"said_mc": 0},
            "model_name": "tiny",
            "lm_eval_version": "0.4.13",
        }
        file = folder / "results_2026-11-25.json"
        file.write_text(json.dumps(results))
        return file

    def _samples(self, wrong: int) -> list[dict[str, Any]]:
        found = []
        for i, row in enumerate(_rows(wrong), 400):
            said = LABELS.index(row["predicted"])
            scores = [["-1.5" if place == said else "-4.0", "False"] for place in range(2)]
            found.append(
                {
                    "doc_id": i,
                    "doc": {"text": f"row {i} says {LABELS[i % 2]}", "label": i % 2},
                    "target": str(i % 2),
                    "arguments": {
                        f"gen_args_{place}": {"arg_0": "Answer:", "arg_1": f" {label}"}
                        for place, label in enumerate(LABELS)
                    },
                    "filtered_resps": scores,
                    "filter": "none",
                }
            )
        return found


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
