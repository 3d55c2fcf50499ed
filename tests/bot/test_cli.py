"""The terminal: real commands on real files, one JSON object, exit codes that mean something."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Tuneboard = Callable[..., "subprocess.CompletedProcess[str]"]

TASK = """
name = "greetings"
primary_metric = "accuracy"
[data]
file = "rows.csv"
"""


@pytest.fixture
def tuneboard(tmp_path: Path) -> Tuneboard:
    """Call the terminal in a home of its own."""

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "bot.cli", "--home", str(tmp_path / "home"), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    return call


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    words = ("hello", "good morning", "bye", "see you")
    rows = [f"{words[i % 4]} number {i},{'hi' if i % 4 < 2 else 'bye'}" for i in range(400)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    path = tmp_path / "greetings.toml"
    path.write_text(TASK)
    return path


def _json(done: "subprocess.CompletedProcess[str]") -> Mapping[str, Any]:
    assert "Traceback" not in done.stdout + done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.engine
def test_a_task_is_added_a_run_is_waited_for_and_the_board_shows_it(
    tuneboard: Tuneboard, task_file: Path
) -> None:
    added = _json(tuneboard("task", "add", str(task_file), "--json"))
    assert added["task"]["labels"] == ["bye", "hi"]
    done = tuneboard("run", "task=greetings", "method=tfidf", "--wait", "--json")
    found = _json(done)
    assert done.returncode == 0
    assert found["run"]["state"] == "succeeded"
    assert found["run"]["seconds"] > 0
    accuracy = next(
        m
        for m in found["metrics"]
        if (m["name"], m["split"], m["group"]) == ("accuracy", "test", "")
    )
    assert accuracy["low"] < accuracy["value"] <= 1
    assert {"leakage_exact", "adapter_reload", "test_size"} <= {c["id"] for c in found["checks"]}
    board = _json(tuneboard("top", "greetings", "--json"))
    assert [row["run_id"] for row in board["standings"]] == [found["run"]["id"]]
    assert tuneboard("rebuild").returncode == 0
    assert _json(tuneboard("top", "greetings", "--json")) == board
    assert _json(tuneboard("verify", "--json"))["problem"] == ""


@pytest.mark.engine
def test_the_same_key_is_the_same_run(tuneboard: Tuneboard, task_file: Path) -> None:
    tuneboard("task", "add", str(task_file))
    words = ("run", "greetings", "majority", "--key", "nightly", "--json")
    assert _json(tuneboard(*words))["run"]["id"] == _json(tuneboard(*words))["run"]["id"]
    assert len(_json(tuneboard("runs", "--json"))["runs"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rnu"], 2, "Did you mean `run`?"),
        (["run", "task=none", "method=lora"], 2, "There is no task 'none'"),
        (["task", "add", "nowhere.toml"], 2, "There is no task file"),
        (["status", "r000000000"], 2, "There is no run"),
        (["cancel", "r000000000"], 2, "There is no run"),
        (["approve", "v000000000", "good"], 2, "There is no review"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    tuneboard: Tuneboard, words: list[str], code: int, said: str
) -> None:
    done = tuneboard(*words, "--json")
    assert done.returncode == code
    assert said in _json(done)["error"]["message"]


@pytest.mark.engine
def test_bad_data_is_refused_and_nothing_is_written(
    tuneboard: Tuneboard, task_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text('text,label\nhello,hi\n"never closed,bye\n')
    done = tuneboard("task", "add", str(task_file), "--json")
    assert done.returncode == 2
    assert "rows.csv" in _json(done)["error"]["message"]
    assert _json(tuneboard("task", "list", "--json")) == {"tasks": []}


@pytest.mark.engine
def test_data_that_changed_fails_the_run_with_a_message(
    tuneboard: Tuneboard, task_file: Path, tmp_path: Path
) -> None:
    tuneboard("task", "add", str(task_file))
    with (tmp_path / "rows.csv").open("a") as stream:
        stream.write("another row,hi\n")
    done = tuneboard("run", "greetings", "majority", "--wait", "--json")
    found = _json(done)
    assert done.returncode == 1
    assert found["run"]["state"] == "failed"
    assert "not what the run was planned on" in found["run"]["reason"]


def test_somebody_who_is_not_listed_is_refused(tuneboard: Tuneboard, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "tuneboard.toml").write_text('[people.ana]\nos = "nobody-here"\n')
    done = tuneboard("runs", "--json")
    assert done.returncode == 3
    assert "I do not know you" in _json(done)["error"]["message"]


def test_help_names_every_verb_and_the_light_side_loads_no_torch(tuneboard: Tuneboard) -> None:
    verbs = _json(tuneboard("help", "--json"))["verbs"]
    assert {"run", "plan", "approve"} <= set(verbs)
    code = (
        "import sys, bot.cli; print([m for m in ('torch', 'duckdb', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
