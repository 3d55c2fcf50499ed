"""Where a training can go on from: written aside, hashed, and renamed when whole.

    checkpoints/step-000120/   state.safetensors  state.json  manifest.json

No pickle: tensors are safetensors, the rest is JSON. The newest two are kept.
"""

import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.run_folder import sha256_of, write_whole

log = logging.getLogger(__name__)

KEPT = 2
FILES = ("state.safetensors", "state.json")


@dataclass(frozen=True, slots=True)
class Saved:
    """One checkpoint: tensors by name, and the rest."""

    step: int
    tensors: dict[str, Any]
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one run. `key` names what must be equal for a checkpoint to fit."""

    folder: Path
    key: str

    def save(self, saved: Saved) -> None:
        """Write one whole checkpoint, or none."""
        target = self.folder / f"step-{saved.step:06d}"
        aside = self.folder / f".{target.name}.{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            self._write(aside, saved)
        except Exception:
            shutil.rmtree(aside, ignore_errors=True)  # on a full disk, a half takes the last room
            raise
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
        for old in self._newest_first()[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)

    def _write(self, folder: Path, saved: Saved) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        save_file(saved.tensors, folder / FILES[0])
        write_whole(folder / FILES[1], json.dumps(saved.state))
        hashes = {name: sha256_of(folder / name) for name in FILES}
        manifest = {"step": saved.step, "key": self.key, "files": hashes}
        write_whole(folder / "manifest.json", json.dumps(manifest))

    def newest(self) -> Saved | None:
        """The newest whole checkpoint of this run; broken ones are passed over."""
        from safetensors.torch import load_file

        for folder in self._newest_first():
            step = self._whole_step(folder)
            if step is None:
                log.warning("checkpoint %s is not whole or not of this run", folder.name)
                continue
            state = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
            return Saved(step, load_file(folder / FILES[0]), state)
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)

    def _whole_step(self, folder: Path) -> int | None:
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            hashes = {name: sha256_of(folder / name) for name in FILES}
        except (OSError, ValueError):
            return None
        fits = manifest.get("key") == self.key and manifest.get("files") == hashes
        return int(manifest["step"]) if fits else None
