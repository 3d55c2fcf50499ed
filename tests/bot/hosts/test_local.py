"""The local launcher with real shims and the stand-in trainer."""

from collections.abc import Callable

import pytest

from bot.hosts.launcher import Handle, Sight
from bot.hosts.local import LocalLauncher
from storage.errors import HostRefused, HostUnavailable
from storage.home import Home
from storage.records import RunSpec

Make = Callable[..., LocalLauncher]
Until = Callable[..., None]


@pytest.fixture
def prepared(home: Home, spec: RunSpec) -> Callable[[str], Handle]:
    def prepare(run_id: str) -> Handle:
        home.run(run_id).create(spec)
        return Handle(run_id, 1)

    return prepare


def sight(launcher: LocalLauncher, handle: Handle) -> Sight:
    return launcher.observe([handle])[handle].sight


def test_a_run_is_placed_once_and_its_end_is_seen(
    home: Home, local: Make, until: Until, prepared: Callable[[str], Handle]
) -> None:
    launcher, handle = local(), prepared("r000001")
    assert not launcher.find(handle)
    launcher.submit(handle)
    launcher.submit(handle)
    assert launcher.find(handle)
    until(lambda: sight(launcher, handle) is Sight.ENDED)
    seen = launcher.observe([handle])[handle]
    assert seen.exit
    assert seen.exit.code == 0
    assert (home.run("r000001").path / "ran").read_text() == "1 -\n"
    assert home.run("r000001").has_evidence


def test_three_runs_on_two_gpus_get_one_each_and_the_third_waits(
    home: Home, local: Make, until: Until, prepared: Callable[[str], Handle]
) -> None:
    launcher = local("slow", gpus=(4, 7))
    handles = [prepared(f"r00000{n}") for n in range(3)]
    assert launcher.free_slots() == 2
    assert [launcher.submit(handle).gpus for handle in handles[:2]] == [(4,), (7,)]
    assert launcher.free_slots() == 0
    with pytest.raises(HostUnavailable, match="all 2 slots are taken"):
        launcher.submit(handles[2])
    (home.run("r000000").path / "go").touch()
    until(lambda: launcher.free_slots() == 1)
    assert launcher.submit(handles[2]).gpus == (4,)
    paths = [home.run(f"r00000{n}").path / "ran" for n in range(3)]
    until(paths[2].exists)
    assert [path.read_text() for path in paths] == ["1 4\n", "1 7\n", "1 4\n"]


def test_a_lease_outlives_the_launcher_that_took_it(
    local: Make, prepared: Callable[[str], Handle]
) -> None:
    local("slow", slots=1).submit(prepared("r000001"))
    another = local("slow", slots=1)
    assert another.free_slots() == 0
    assert sight(another, Handle("r000001", 1)) is Sight.RUNNING


def test_the_next_attempt_waits_until_nothing_of_the_run_is_alive(
    local: Make, until: Until, prepared: Callable[[str], Handle]
) -> None:
    launcher, handle = local("slow"), prepared("r000001")
    launcher.submit(handle)
    with pytest.raises(HostUnavailable, match="still alive"):
        launcher.submit(Handle("r000001", 2))
    launcher.cancel(handle)
    until(lambda: sight(launcher, handle) is Sight.ENDED)


def test_an_attempt_that_was_replaced_is_never_placed(
    local: Make, until: Until, prepared: Callable[[str], Handle]
) -> None:
    launcher = local()
    prepared("r000001")
    launcher.submit(Handle("r000001", 2))
    until(lambda: sight(launcher, Handle("r000001", 2)) is Sight.ENDED)
    with pytest.raises(HostRefused, match="later attempt"):
        launcher.submit(Handle("r000001", 1))


def test_a_trainer_sees_its_share_of_threads_and_none_of_our_secrets(
    home: Home, prepared: Callable[[str], Handle], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    trainer = ("/bin/sh", "-c", "env")
    launcher = LocalLauncher(home, slots=1000, environment={"PATH": "/bin"}, trainer=trainer)
    handle = prepared("r000001")
    launcher.submit(handle)
    until(lambda: sight(launcher, handle) is Sight.ENDED)
    lines = home.run("r000001").log_file(1).read_text().splitlines()
    names = {line.partition("=")[0] for line in lines}
    of_shell_and_python = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert "TUNEBOARD_THREADS=1" in lines
    assert names - of_shell_and_python == {"PATH", "TUNEBOARD_THREADS"}
