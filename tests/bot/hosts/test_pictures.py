"""Pictures of a run: what they show is what its evidence says, and no more than may be shown."""

import json
from pathlib import Path
from typing import Any

import golden
import pytest
from PIL import Image

from bot.hosts.pictures import main, make
from storage.errors import WrongState
from storage.home import Home
from storage.ledger import Ledger
from storage.records import Method


def _run(ledger: Ledger, home: Home, method: Method = Method.LORA, **more: Any) -> str:
    task = golden.make_task(test_rows=120)
    changed = task.task.model_copy(update={"sensitive": ()} | more)
    task = golden.GoldenTask(
        **{name: getattr(task, name) for name in task.__slots__} | {"task": changed}
    )
    golden.add_golden_task(ledger, task)
    spec = golden.make_spec(task, method)
    return golden.finish_run(ledger, home, task, spec, key=str(method), accuracy=0.8).id


def test_the_words_and_the_pictures_are_of_the_evidence(
    home: Home, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = _run(ledger, home)
    found = make(home, ledger, run_id)
    accuracy = next(
        m.value
        for m in home.run(run_id).metrics()
        if (m.name, m.split, m.group) == ("accuracy", "test", "")
    )
    assert accuracy is not None
    losses, confusion = found["files"]
    assert f"{round(accuracy * 120)} of 120 test rows are right" in confusion["alt"]
    assert "validation loss was lowest at step" in losses["alt"]
    for item in found["files"]:
        with Image.open(home.pictures(run_id) / item["name"]) as image:
            assert min(image.size) > 300
            colours = image.convert("RGB").getcolors(1 << 24)
            assert colours is not None
            assert len(colours) > 50
    assert len(found["mistakes"]) == 3
    assert all(one["gold"] != one["predicted"] and one["text"] for one in found["mistakes"])
    costs = [one["loss"] for one in found["mistakes"]]
    assert costs == sorted(costs, reverse=True)
    assert main(["--home", str(home.path), run_id]) == 0
    assert json.loads(capsys.readouterr().out) == found


def test_sealed_scores_and_sensitive_texts_stay_where_they_are(home: Home, ledger: Ledger) -> None:
    found = make(home, ledger, _run(ledger, home, sealed=True, sensitive=("group",)))
    assert found["split"] == "validation"
    assert "validation rows are right" in found["files"][1]["alt"]
    assert {one["text"] for one in found["mistakes"]} == {""}


def test_a_baseline_has_no_losses_to_draw(home: Home, ledger: Ledger) -> None:
    found = make(home, ledger, _run(ledger, home, Method.TFIDF))
    assert [item["name"] for item in found["files"]] == ["confusion.png"]


def test_a_run_is_held_against_another(home: Home, ledger: Ledger) -> None:
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=300))
    new, old = (
        golden.finish_run(
            ledger, home, task, golden.make_spec(task, method), key=str(method), accuracy=level
        ).id
        for method, level in ((Method.LORA, 0.92), (Method.TFIDF, 0.75))
    )
    against = make(home, ledger, new, old)["against"]
    assert against["run"] == old
    assert against["difference"]["low"] > 0
    assert against["asked"]["method"] == ["lora", "tfidf"]


def test_without_evidence_there_is_nothing_to_draw(
    home: Home, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = golden.add_golden_task(ledger, golden.make_task(test_rows=60))
    run = golden.start_run(ledger, home, golden.make_spec(task, Method.TFIDF), key="k")
    with pytest.raises(WrongState, match="no evidence to draw"):
        make(home, ledger, run.id)
    assert main(["--home", str(home.path), run.id]) == 2
    assert "no evidence to draw" in capsys.readouterr().err
