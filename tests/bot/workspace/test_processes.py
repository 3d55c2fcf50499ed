"""Children: they run what is installed, and do not outlive who started them."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from bot.hosts import local, projection_child
from bot.workspace.processes import running_workspace
from storage.home import Home
from storage.ledger import Ledger

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from bot.workspace.processes import running_workspace

    with running_workspace(Path(sys.argv[1])):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder has packages of our names that are not ours."""
    for name in ("bot", "trainer", "storage"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('foreign')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_foreign_folder_is_not_run(foreign: Path, ledger: Ledger, home: Home) -> None:
    with running_workspace(foreign / "slack"):
        pass
    projection_child.publish_now(home)
    words = [*local.TRAINER, "inspect", "--help"]
    subprocess.run(words, capture_output=True, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    done = subprocess.run(words, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    until = time.monotonic() + 10
    while any(str(tmp_path) in " ".join(_words(child)) for child in psutil.process_iter()):
        assert time.monotonic() < until
        time.sleep(0.1)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
