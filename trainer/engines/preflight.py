"""Whether Unsloth works on this host, tried in a process of its own.

Importing unsloth rewrites parts of transformers and trl, changes environment variables and may
raise (NotImplementedError without a GPU, ImportError or RuntimeError where versions do not fit): it
is tried where that can hurt nobody.

    python -m trainer.engines.preflight      prints {"usable": …, "reason": …}
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec

TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Preflight:
    """Whether Unsloth can be used, and what was found."""

    usable: bool
    reason: str


def unsloth_preflight() -> Preflight:
    """Try to import Unsloth in a subprocess; never raises."""
    if find_spec("unsloth") is None:
        return Preflight(False, "it is not installed on this host (extra `gpu`)")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "trainer.engines.preflight"],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                env=os.environ | unsloth_environment(folder),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Preflight(False, f"importing it took longer than {TIMEOUT_S} s")
    try:
        found = json.loads(done.stdout.strip().splitlines()[-1])
        return Preflight(bool(found["usable"]), str(found["reason"]))
    except (ValueError, KeyError, IndexError):
        return Preflight(False, f"its import ended the process with code {done.returncode}")


def unsloth_environment(compiled: str) -> dict[str, str]:
    """Its generated code in a folder of the run's own (runs that share one race), no counting."""
    return {"UNSLOTH_COMPILE_LOCATION": compiled, "UNSLOTH_DISABLE_STATISTICS": "1"}


def try_import() -> Preflight:
    """Import Unsloth here and now."""
    try:
        import unsloth
    except (ImportError, NotImplementedError, RuntimeError, OSError, AttributeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Preflight(False, f"it cannot be imported: {lines[0][:200]}")
    import torch

    if not torch.cuda.is_available():
        return Preflight(False, "PyTorch finds no CUDA GPU")
    version = getattr(unsloth, "__version__", "?")
    return Preflight(True, f"unsloth {version} on {torch.cuda.get_device_name()}")


if __name__ == "__main__":
    print(json.dumps(asdict(try_import())))  # noqa: T201 - the answer to the parent process
