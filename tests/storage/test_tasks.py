"""Tasks: a TOML file becomes a version, and a mistake in it becomes a sentence."""

from pathlib import Path

import pytest

from storage import tasks
from storage.errors import BadInput, UnknownName
from storage.ledger import Ledger
from storage.records import (
    DataFile,
    DataQuality,
    DatasetVersion,
    Split,
    SplitSummary,
)

TOML = """
name = "tickets"
kind = "classification"
primary_metric = "macro_f1"
sensitive = ["region"]
[data]
file = "data/tickets.csv"
text = "message"
label = "intent"
"""


def _dataset(content: str = "a") -> DatasetVersion:
    return DatasetVersion(
        content_digest=content * 64,
        test_digest="t" * 64,
        files=(DataFile(role="file", path="/x.csv", size_bytes=1, sha256="0" * 64, rows=3),),
        labels=("no", "yes"),
        splits=tuple(SplitSummary(split=s, rows=1, class_counts={"yes": 1}) for s in Split),
        quality=DataQuality(rows_read=3, rows_used=3),
    )


def _write(folder: Path, text: str) -> Path:
    path = folder / "task.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    task = tasks.read_task_file(_write(tmp_path, TOML))
    assert task.data.files() == {"file": str(tmp_path / "data" / "tickets.csv")}
    assert task.sensitive == ("region",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name =", "nmae ="), "unknown key `nmae`"),
        (('name = "tickets"', ""), "`name` is missing"),
        (('"tickets"', '"../etc"'), "is not a name"),
        (("classification", "chess"), "'chess'"),
        (('file = "data/tickets.csv"', ""), "give `file`"),
        (('text = "message"', 'test = "x.csv"'), "not both"),
        (("[data]", "[data"), "not valid TOML"),
        (('["region"]', '"region"'), "write a list, such as ['region']"),
        (('name = "tickets"', 'name = "tickets"\nversion = 3'), "leave `version` out"),
    ],
    ids=["unknown", "missing", "name", "kind", "no-file", "two-ways", "toml", "list", "version"],
)
def test_a_mistake_is_explained(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=r"task\.toml") as caught:
        tasks.read_task_file(_write(tmp_path, TOML.replace(*change)))
    assert said in str(caught.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_text(TOML, encoding="utf-8-sig")
    assert tasks.read_task_file(path).name == "tickets"


def test_a_missing_file_and_a_folder_are_explained(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no task file"):
        tasks.read_task_file(tmp_path / "none.toml")
    with pytest.raises(BadInput, match="Give a TOML file"):
        tasks.read_task_file(tmp_path)


def test_the_same_content_is_the_same_version_and_a_change_is_a_new_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    task = tasks.read_task_file(_write(tmp_path, TOML))
    versions = [
        tasks.add_task(ledger, task, _dataset(content), TOML, "ana").task.version
        for content in ("a", "a", "b")
    ]
    assert versions == [1, 1, 2]
    assert tasks.task(ledger, "tickets").dataset == _dataset("b")
    assert [item.task.version for item in tasks.tasks(ledger)] == [2]


def test_an_unknown_task_says_how_to_register_one(ledger: Ledger) -> None:
    with pytest.raises(UnknownName, match="task add FILE"):
        tasks.task(ledger, "none")
