"""What a run ran on: versions, machine, threads. For `evidence/environment.json`."""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("tuneboard", "torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors"),
    *("numpy", "scipy", "scikit-learn", "pyarrow", "huggingface_hub", "unsloth", "unsloth_zoo"),
)


def describe(threads: int, device: str) -> dict[str, object]:
    """Versions of what computes, and the machine it computes on."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "device": device,
        "gpu": _gpu() if device == "cuda" else None,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "git_commit": _commit(),
    }


def peak_memory_mb() -> float:
    """The most resident memory this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpu() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _commit() -> str | None:
    """The commit of the code that ran, where it runs from a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the host has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
