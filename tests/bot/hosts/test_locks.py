import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bot.hosts import locks


def test_a_second_taker_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = locks.take(path)
    assert first is not None
    assert locks.take(path) is None
    os.close(first)
    second = locks.take(path)
    assert second is not None
    os.close(second)


def test_asking_after_a_lock_that_never_was_makes_no_file(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_a_lock_is_held_by_whoever_inherited_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    handle = locks.take(path)
    assert handle is not None
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[handle]
    )
    os.close(handle)
    assert locks.is_held(path)
    child.communicate(b"\n")
    assert not locks.is_held(path)


def test_a_child_that_was_not_given_a_lock_does_not_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.holding(path) as held:
        assert held
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not locks.is_held(path)
    child.communicate(b"\n")


def test_a_lock_that_somebody_holds_cannot_be_held_by_a_block(tmp_path: Path) -> None:
    with locks.holding(tmp_path / "lock"), locks.holding(tmp_path / "lock") as held:
        assert not held


@pytest.mark.skipif(not locks.HAS_OFD, reason="only OFD locks can be asked after undisturbed")
def test_asking_never_makes_a_taker_fail(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            locks.is_held(path)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(2000):
            handle = locks.take(path)
            assert handle is not None
            os.close(handle)
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def test_flock_stands_in_where_there_are_no_ofd_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "HAS_OFD", False)
    with locks.holding(tmp_path / "lock") as held:
        assert held
        assert locks.is_held(tmp_path / "lock")
        assert locks.take(tmp_path / "lock") is None
    assert not locks.is_held(tmp_path / "lock")
