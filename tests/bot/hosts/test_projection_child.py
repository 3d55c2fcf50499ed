"""When the projection is started, with small programs that stand for it."""

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence

import pytest

from bot.hosts import projection_child
from bot.hosts.projection_child import ProjectionKeeper, publish_now
from storage.errors import InternalError
from storage.home import Home
from storage.published import read_pointer

PUBLISHES = """
    import sys, time
    from pathlib import Path
    from storage.home import Home
    from storage.published import Pointer, write_pointer
    home = Home(Path(sys.argv[2]))
    with (home.path / "count").open("a") as note:
        note.write("x")
    version = int((home.path / "version").read_text())
    for name in "sj":
        (home.board / name).touch()
    write_pointer(home.board, Pointer(snapshot="s", summary="j", ledger_version=version))
"""
FAILS = """
    import sys
    from pathlib import Path
    with (Path(sys.argv[2]) / "count").open("a") as note:
        note.write("x")
    raise SystemExit("no room on the disk")
"""
STUCK = """
    import sys, time
    from pathlib import Path
    with (Path(sys.argv[2]) / "count").open("a") as note:
        note.write("x")
    time.sleep(60)
"""
DEAF = "\n    import signal\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)" + STUCK


class Bench:
    """A keeper over a version and a clock that the test sets."""

    def __init__(self, home: Home, script: str) -> None:
        self.home, self.at = home, 100.0
        program: Sequence[str] = (sys.executable, "-c", textwrap.dedent(script))
        self.change(0)
        self.keeper = ProjectionKeeper(home, lambda: self.version, program, lambda: self.at)

    def change(self, version: int) -> None:
        self.version = version
        (self.home.path / "version").write_text(str(version))

    def tick(self, seconds: float = 0.0) -> None:
        self.at += seconds
        self.keeper.tick()

    @property
    def started(self) -> int:
        count = self.home.path / "count"
        return len(count.read_text()) if count.exists() else 0

    @property
    def published(self) -> int | None:
        pointer = read_pointer(self.home.board)
        return pointer.ledger_version if pointer else None


@pytest.fixture
def bench(home: Home) -> Iterator[Callable[[str], Bench]]:
    made: list[Bench] = []

    def make(script: str) -> Bench:
        made.append(Bench(home, script))
        return made[-1]

    yield make
    for one in made:
        one.keeper.close()


def test_a_board_that_is_behind_is_published_once(
    bench: Callable[[str], Bench], until: Callable[..., None]
) -> None:
    made = bench(PUBLISHES)
    made.change(3)
    made.tick()
    made.tick(1)
    until(lambda: made.published == 3)
    for _ in range(20):
        made.tick(1)
    assert made.started == 1


def test_a_change_is_published_when_it_has_become_quiet(bench: Callable[[str], Bench]) -> None:
    made = bench(PUBLISHES)
    made.tick()
    for version in range(1, 5):
        made.change(version)
        made.tick(0.3)
    assert made.keeper._child is None


def test_a_ledger_that_is_never_quiet_is_published_all_the_same(
    bench: Callable[[str], Bench], until: Callable[..., None]
) -> None:
    made = bench(PUBLISHES)
    for version in range(1, 12):
        made.change(version)
        made.tick(0.3)
    until(lambda: made.published is not None)


def test_a_failing_projection_is_tried_again_less_and_less_often(
    bench: Callable[[str], Bench], until: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(FAILS)
    made.change(1)
    for failures, pause in [(1, 2.0), (2, 4.0), (3, 8.0)]:
        made.tick()
        made.tick(1)
        child = made.keeper._child
        assert child
        child.wait(20)
        made.tick()
        assert made.started == failures
        made.tick(pause - 0.1)
        assert made.keeper._child is None
        made.at += 0.2
    assert "no room on the disk" in caplog.text


def test_a_board_whose_file_is_gone_is_made_again(
    bench: Callable[[str], Bench], until: Callable[..., None]
) -> None:
    made = bench(PUBLISHES)
    made.tick()
    made.tick(1)
    until(lambda: made.published == 0)
    child = made.keeper._child
    assert child
    child.wait(20)
    (made.home.board / "j").unlink()
    for _ in range(3):
        made.tick(1)
    until(lambda: (made.home.board / "j").exists())


@pytest.mark.parametrize("script", [STUCK, DEAF])
def test_a_stuck_projection_is_ended_and_tried_again(
    bench: Callable[[str], Bench], until: Callable[..., None], script: str
) -> None:
    made = bench(script)
    made.tick()
    made.tick(1)
    child = made.keeper._child
    assert child
    until(lambda: made.started == 1)
    made.tick(projection_child.LIMIT_S - 1)
    assert child.poll() is None
    made.tick(2)
    if script is DEAF:
        made.tick(projection_child.END_S)
    assert child.wait(20) != 0
    made.tick()
    made.tick(2.1)
    made.tick(1)
    until(lambda: made.started == 2)


def test_asked_for_at_once_a_stuck_projection_is_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (sys.executable, "-c", textwrap.dedent(STUCK))
    monkeypatch.setattr(projection_child, "PROGRAM", program)
    monkeypatch.setattr(projection_child, "LIMIT_S", 0.5)
    with pytest.raises(InternalError, match="not brought up to date within"):
        publish_now(home)


def test_asked_for_at_once_a_failure_a_failure_is_an_error_with_its_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (sys.executable, "-c", textwrap.dedent(FAILS))
    monkeypatch.setattr(projection_child, "PROGRAM", program)
    with pytest.raises(InternalError, match=r"exit 1.*no room on the disk"):
        publish_now(home)
