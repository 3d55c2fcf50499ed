"""The run folder: files that are whole or absent, and a manifest that proves them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import CorruptFolder, UnknownName
from storage.home import Home
from storage.records import Event, RunSpec, now
from storage.run_folder import RunFolder, write_whole


@pytest.fixture
def folder(home: Home, spec: RunSpec) -> RunFolder:
    place = home.run("r0000000000001")
    place.create(spec)
    place.attempt(1).mkdir()
    return place


def test_a_spec_is_written_once(folder: RunFolder, spec: RunSpec) -> None:
    folder.create(spec)
    assert folder.spec() == spec
    with pytest.raises(CorruptFolder, match="another spec"):
        folder.create(spec.model_copy(update={"seed": 2}))


def test_events_are_read_on_from_an_offset(folder: RunFolder) -> None:
    folder.append_event(1, Event(seq=1, at=now(), kind="stage", stage="data"))
    first = folder.events(1)
    folder.append_event(1, Event(seq=2, at=now(), kind="progress", step=3, loss=0.5))
    second = folder.events(1, first.offset)
    assert [event.seq for event in first.events] == [1]
    assert [(event.seq, event.loss) for event in second.events] == [(2, 0.5)]


def test_a_torn_last_line_waits_for_its_end(folder: RunFolder) -> None:
    folder.append_event(1, Event(seq=1, at=now(), kind="stage", stage="data"))
    whole = Event(seq=2, at=now(), kind="stage", stage="fit").model_dump_json()
    events = folder.attempt(1) / "events.jsonl"
    with events.open("a") as stream:
        stream.write(whole[:20])
    page = folder.events(1)
    assert len(page.events) == 1
    with events.open("a") as stream:
        stream.write(whole[20:] + "\n")
    assert [event.seq for event in folder.events(1, page.offset).events] == [2]


def test_evidence_is_verified_by_its_manifest(folder: RunFolder) -> None:
    _publish(folder)
    assert folder.verified_digest() == folder.verified_digest()
    (folder.evidence / "metrics.json").write_text("[1]")
    with pytest.raises(CorruptFolder, match=r"metrics\.json"):
        folder.verified_digest()


def test_a_missing_or_added_file_is_found(folder: RunFolder) -> None:
    _publish(folder)
    (folder.adapter / "extra").touch()
    with pytest.raises(CorruptFolder, match="adapter/extra"):
        folder.verified_digest()


def test_evidence_is_published_once(folder: RunFolder) -> None:
    _publish(folder)
    with pytest.raises(CorruptFolder, match="already has evidence"):
        _publish(folder)


def test_an_empty_reserve_is_no_exit_record(folder: RunFolder) -> None:
    (folder.attempt(1) / "exit.json").write_bytes(b"\0" * 4096)
    assert folder.exit_record(1) is None


@given(st.text(max_size=40))
def test_no_text_but_a_run_id_becomes_a_path(text: str) -> None:
    home = Home(Path("/home"))
    try:
        place = home.run(text)
    except UnknownName:
        return
    assert place.path.parent == home.runs
    assert place.path.name == text


def _publish(folder: RunFolder) -> None:
    evidence, adapter = folder.staging(1, "evidence"), folder.staging(1, "adapter")
    (evidence / "metrics.json").write_text("[]")
    (adapter / "weights").write_bytes(b"1")
    folder.publish_evidence(1, evidence, adapter)


@pytest.mark.parametrize("name", ["metrics", "checks"])
def test_torn_evidence_is_a_corrupt_folder(folder: RunFolder, name: str) -> None:
    read = {"metrics": folder.metrics, "checks": folder.checks}[name]
    with pytest.raises(CorruptFolder, match=f"no evidence/{name}"):
        read()
    folder.evidence.mkdir()
    (folder.evidence / f"{name}.json").write_text('[{"name": "acc')
    with pytest.raises(CorruptFolder, match=f"{name}.json is not readable"):
        read()


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_key_that_later_versions_know_does_not_break_older_evidence(
    home: Home, spec: RunSpec
) -> None:
    folder = home.run("r000001")
    old = spec.model_dump(mode="json")
    del old["label"]  # as a version wrote it that did not know this key
    folder.path.mkdir(parents=True)
    (folder.path / "spec.json").write_text(json.dumps(old))
    evidence, adapter = folder.staging(1, "evidence"), folder.staging(1, "adapter")
    (evidence / "checks.json").write_text("[]")
    folder.publish_evidence(1, evidence, adapter)
    assert folder.spec() == spec
    assert folder.verified_digest()
