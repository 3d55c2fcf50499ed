"""What a host decides about a trainer's process. What changes a result is in the spec, not here."""

import os

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment: `TUNEBOARD_THREADS`, `TUNEBOARD_PROCESSES` that train together (a
    GPU each), and `TUNEBOARD_SERVE_TOKEN` for those who ask a served run."""

    model_config = SettingsConfigDict(env_prefix="TUNEBOARD_", frozen=True, extra="ignore")

    threads: int | None = Field(default=None, ge=1, le=1024)
    serve_token: SecretStr | None = None
    processes: int = Field(default=1, ge=1, le=64)

    @property
    def threads_or_cores(self) -> int:
        """Threads to compute with: as told, else one per core this process may use."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        return self.threads or available or os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Tell every library that computes; they read this once, when they are first imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    # Threads that spin while they wait take the core from the one that works: on a busy 2-core host
    # a step of a small model took 230 ms spinning and 12 ms waiting quietly.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Forking after tokenizing warns otherwise; we tokenize in one go and need no pool.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Warned of by the library where the hub is used; offline stays as the person set it.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
