"""The board's files: built aside, published whole, old readers unharmed."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from storage.board import KEEP, Board, building, is_sound, publish, work_file
from storage.judgements import BoardSummary
from storage.published import read_pointer, read_summary
from storage.records import now


def _summary(version: int) -> BoardSummary:
    return BoardSummary(ledger_version=version, published_at=now(), standings={})


def _step(number: int) -> dict[str, object]:
    return {
        "id": number,
        "kind": "run",
        "subject": "r1",
        "before_state": "",
        "after_state": "queued",
        "actor": "ana",
        "reason": "",
        "happened_at": now().replace(tzinfo=None),
    }


def _known(board: Board, version: int) -> None:
    from storage.board import schema_sha256

    board.clear("publication")
    row = {"only_row": 1, "schema_sha256": schema_sha256(), "ledger_version": version}
    more = {"transition_id": version, "decision_seq": 0, "chain_head": ""}
    board.insert("publication", [row | more | {"published_at": now().replace(tzinfo=None)}])


def _publish_one(folder: Path, number: int, *, rebuild: bool = False) -> None:
    with building(folder, rebuild=rebuild) as board:
        board.insert("transitions", [_step(number)])
        _known(board, number)
    publish(folder, _summary(number))


def _steps(folder: Path) -> list[int]:
    pointer = read_pointer(folder)
    assert pointer
    board = Board.read(folder / pointer.snapshot)
    try:
        return [row["id"] for row in board.rows("select id from transitions order by id")]
    finally:
        board.close()


def test_a_publication_starts_from_the_one_before(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        _publish_one(tmp_path, number)
    assert _steps(tmp_path) == [1, 2, 3]


def test_a_rebuild_starts_from_nothing(tmp_path: Path) -> None:
    _publish_one(tmp_path, 1)
    _publish_one(tmp_path, 2, rebuild=True)
    assert _steps(tmp_path) == [2]


def test_a_reader_in_the_middle_keeps_what_it_opened(tmp_path: Path) -> None:
    _publish_one(tmp_path, 1)
    pointer = read_pointer(tmp_path)
    assert pointer
    reader = Board.read(tmp_path / pointer.snapshot)
    for number in range(2, KEEP + 4):
        _publish_one(tmp_path, number)
    assert [row["id"] for row in reader.rows("select id from transitions")] == [1]
    reader.close()
    assert not (tmp_path / pointer.snapshot).exists()


def test_only_the_last_publications_are_kept(tmp_path: Path) -> None:
    for number in range(1, KEEP + 4):
        _publish_one(tmp_path, number)
    kept = sorted(path.name for path in tmp_path.glob("board-*.duckdb"))
    assert kept == [f"board-{number:08d}.duckdb" for number in (4, 5, 6)]
    summary = read_summary(tmp_path)
    assert summary
    assert summary.ledger_version == 6


def test_a_block_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    _publish_one(tmp_path, 1)
    with pytest.raises(duckdb.Error), building(tmp_path) as board:
        board.insert("transitions", [_step(2), _step(2)])  # the key is doubled
    assert _steps(tmp_path) == [1]
    assert not work_file(tmp_path).exists()


@pytest.mark.parametrize(
    "content", [b"", b"not a board", b"\0" * 50_000], ids=["empty", "text", "zeros"]
)
def test_a_broken_publication_is_made_anew(tmp_path: Path, content: bytes) -> None:
    _publish_one(tmp_path, 1)
    pointer = read_pointer(tmp_path)
    assert pointer
    assert is_sound(tmp_path, pointer)
    (tmp_path / pointer.snapshot).write_bytes(content)
    assert not is_sound(tmp_path, pointer)
    with building(tmp_path) as board:
        assert board.fresh


def test_a_board_of_another_schema_is_made_anew(tmp_path: Path) -> None:
    with building(tmp_path) as board:
        _known(board, 1)
        board.rows("update publication set schema_sha256 = 'older'")
    pointer = publish(tmp_path, _summary(1))
    assert not is_sound(tmp_path, pointer)
    with building(tmp_path) as board:
        assert board.fresh


_KILLED = """
import os, sys
from pathlib import Path
from storage import board
from storage.judgements import BoardSummary
from storage.records import now
folder, moment = Path(sys.argv[1]), sys.argv[2]
def die(*_a, **_k):
    os.kill(os.getpid(), 9)
with board.building(folder) as open_board:
    open_board.connection.execute("delete from transitions")
    if moment == "building":
        die()
if moment == "before pointer":
    board.write_pointer = die
if moment == "between files":
    board.write_whole = die
board.publish(folder, BoardSummary(ledger_version=9, published_at=now(), standings={}))
"""


@pytest.mark.parametrize("moment", ["building", "between files", "before pointer"])
def test_a_kill_leaves_the_publication_before_as_it_was(tmp_path: Path, moment: str) -> None:
    _publish_one(tmp_path, 1)
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), moment], check=False)
    assert ended.returncode == -9
    assert _steps(tmp_path) == [1]
    _publish_one(tmp_path, 2)  # and the next one clears up and goes on
    assert _steps(tmp_path) == [1, 2]
    assert not list(tmp_path.glob("work-*"))


_FULL = """
import resource, sys
from pathlib import Path
from storage import board
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
with board.building(Path(sys.argv[1])) as open_board:
    open_board.connection.execute(
        "insert into decisions select i, md5(i::varchar), '', '', 'approve', md5(i::varchar), '',"
        " now()::timestamp, '', md5((i+1)::varchar) from range(100000) t(i)"
    )
"""


def test_a_full_disk_leaves_the_publication_before_as_it_was(tmp_path: Path) -> None:
    _publish_one(tmp_path, 1)
    ended = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)], check=False, capture_output=True
    )
    assert ended.returncode != 0
    assert _steps(tmp_path) == [1]
    _publish_one(tmp_path, 2)
    assert _steps(tmp_path) == [1, 2]


def test_a_row_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error), building(tmp_path) as board:
        board.insert("transitions", [_step(1) | {"colour": "red"}])
