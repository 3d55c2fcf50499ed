"""The folder of one run: what happened, in files that are written once.

    spec.json                   the RunSpec            written by the bot's side before launch
    cancel                      a flag                 written by the bot's side
    lock                        held while any process of the run is alive
    attempt-N/start.json        ShimStart              written by the shim: its claim
    attempt-N/exit.json         ShimExit               written by the shim at the end
    attempt-N/log.txt           output of the trainer
    attempt-N/events.jsonl      one Event a line       appended by the trainer
    attempt-N/error.json        {"kind", "message"}    written by the trainer for people to read
    checkpoints/step-NNNNNN/    shared by attempts, each completed by a rename
    evidence/                   metrics.json checks.json summary.json dataset.json environment.json
                                predictions.parquet curves.parquet validation_losses.parquet
                                manifest.json (last)
    adapter/                    safetensors, tokenizer, label names; or the baseline's parameters

Nothing is edited later. Evidence and adapter are made in a folder aside and renamed, evidence last:
where `evidence/manifest.json` exists, everything it names was complete.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from storage.errors import CorruptFolder
from storage.records import (
    Check,
    DatasetVersion,
    Event,
    EvidenceSummary,
    Manifest,
    Metric,
    Record,
    RunSpec,
    ShimExit,
    ShimStart,
    digest_of,
)
from storage.redaction import redact

R = TypeVar("R", bound=Record)
T = TypeVar("T")

LOG_BYTES = 64_000
"""How much of a log is read for its end."""

_METRICS = TypeAdapter(tuple[Metric, ...])
_CHECKS = TypeAdapter(tuple[Check, ...])


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events read from a byte offset on, and the offset to go on from."""

    events: tuple[Event, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths and typed reads and writes of one run's folder."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def evidence(self) -> Path:
        return self.path / "evidence"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    def attempt(self, number: int) -> Path:
        return self.path / f"attempt-{number}"

    def log_tail(self, number: int, lines: int) -> list[str]:
        """The last lines of what an attempt put out, without what looks like a secret.

        Raises:
            FileNotFoundError: It left no log.
        """
        place = self.log_file(number)
        with place.open("rb") as stream:
            stream.seek(max(0, place.stat().st_size - LOG_BYTES))
            text = stream.read().decode("utf-8", "replace")
        return [redact(line) for line in text.splitlines()[-lines:]]

    def environment(self) -> dict[str, Any]:
        """What the run ran on; empty where that is not there or cannot be read."""
        try:
            found = json.loads((self.evidence / "environment.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def log_file(self, number: int) -> Path:
        return self.attempt(number) / "log.txt"

    # --- the bot's side -------------------------------------------------------------------------

    def create(self, spec: RunSpec) -> None:
        """Make the folder and write the spec. Doing it again with the same spec changes nothing.

        Raises:
            CorruptFolder: The folder already holds another spec.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if (self.path / "spec.json").exists():
            if self.spec() != spec:
                raise CorruptFolder(f"{self.run_id} already has a folder with another spec")
            return
        write_whole(self.path / "spec.json", spec.model_dump_json(indent=1))

    def spec(self) -> RunSpec:
        return self._record("spec.json", RunSpec)

    def spec_digest(self) -> str:
        """The digest of the spec as it was written: a key that later versions know changes none."""
        return self._understood("spec.json", lambda text: digest_of(json.loads(text)))

    def request_cancel(self) -> None:
        (self.path / "cancel").touch()

    @property
    def cancel_requested(self) -> bool:
        return (self.path / "cancel").exists()

    # --- the shim's files -----------------------------------------------------------------------

    def start_record(self, number: int) -> ShimStart | None:
        return self._record_or_none(f"attempt-{number}/start.json", ShimStart)

    def exit_record(self, number: int) -> ShimExit | None:
        return self._record_or_none(f"attempt-{number}/exit.json", ShimExit)

    # --- events ---------------------------------------------------------------------------------

    def append_event(self, number: int, event: Event) -> None:
        """Append one line in a single write, so that a kill can tear only the last line."""
        line = event.model_dump_json(exclude_defaults=True) + "\n"
        target = self.attempt(number) / "events.jsonl"
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def events(self, number: int, offset: int = 0) -> EventPage:
        """The whole lines from a byte offset on; a torn last line waits for its end."""
        target = self.attempt(number) / "events.jsonl"
        if not target.exists():
            return EventPage((), offset)
        with target.open("rb") as stream:
            stream.seek(offset)
            block = stream.read()
        whole = block[: block.rfind(b"\n") + 1]
        found = tuple(_parse_events(whole))
        return EventPage(found, offset + len(whole))

    # --- errors for people ----------------------------------------------------------------------

    def write_error(self, number: int, kind: str, message: str) -> None:
        """Leave what went wrong, in words for a person, beside the log that has the traceback."""
        text = json.dumps({"kind": kind, "message": message}, ensure_ascii=False)
        write_whole(self.attempt(number) / "error.json", text)

    def error_message(self, number: int) -> str | None:
        try:
            found = json.loads((self.attempt(number) / "error.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return str(found.get("message", "")) or None

    # --- evidence -------------------------------------------------------------------------------

    @property
    def has_evidence(self) -> bool:
        return (self.evidence / "manifest.json").exists()

    def metrics(self) -> tuple[Metric, ...]:
        """Raises CorruptFolder where they are missing or not readable, as all of these do."""
        return self._understood("evidence/metrics.json", _METRICS.validate_json)

    def checks(self) -> tuple[Check, ...]:
        return self._understood("evidence/checks.json", _CHECKS.validate_json)

    def summary(self) -> EvidenceSummary:
        return self._record("evidence/summary.json", EvidenceSummary)

    def dataset(self) -> DatasetVersion:
        return self._record("evidence/dataset.json", DatasetVersion)

    def manifest(self) -> Manifest:
        return self._record("evidence/manifest.json", Manifest)

    def staging(self, number: int, what: str) -> Path:
        """An empty folder of this attempt in which `evidence` or `adapter` is made."""
        target = self.path / f".{what}-{number}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        return target

    def publish_evidence(self, number: int, evidence: Path, adapter: Path) -> Manifest:
        """Hash the staged files, write the manifest, and rename adapter, then evidence, into place.

        Raises:
            CorruptFolder: Complete evidence of another attempt is already there.
        """
        if self.has_evidence:
            raise CorruptFolder(f"{self.run_id} already has evidence")
        files = _hashes(evidence, "evidence") | _hashes(adapter, "adapter")
        manifest = Manifest(
            run_id=self.run_id, attempt=number, spec_digest=self.spec_digest(), files=files
        )
        write_whole(evidence / "manifest.json", manifest.model_dump_json(indent=1))
        shutil.rmtree(self.adapter, ignore_errors=True)
        shutil.rmtree(self.evidence, ignore_errors=True)
        adapter.rename(self.adapter)
        evidence.rename(self.evidence)
        _sync(self.path)
        return manifest

    def verified_digest(self) -> str:
        """The digest of the manifest, after every file it names was hashed again.

        Raises:
            CorruptFolder: A file is missing, changed, or not named in the manifest, or the evidence
                is that of another run.
        """
        manifest = self.manifest()
        if manifest.run_id != self.run_id or manifest.spec_digest != self.spec_digest():
            raise CorruptFolder(f"{self.run_id} holds the evidence of another run or spec")
        found = _hashes(self.evidence, "evidence") | _hashes(self.adapter, "adapter")
        found.pop("evidence/manifest.json", None)
        if found != manifest.files:
            names = sorted(
                name
                for name in found.keys() | manifest.files.keys()
                if found.get(name) != manifest.files.get(name)
            )
            raise CorruptFolder(
                f"{self.run_id}: {', '.join(names[:3])} changed since the run ended"
            )
        return digest_of(manifest.model_dump(mode="json"))

    # --- reading --------------------------------------------------------------------------------

    def _bytes(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def _record(self, name: str, kind: type[R]) -> R:
        return self._understood(name, kind.model_validate_json)

    def _understood(self, name: str, read: Callable[[bytes], T]) -> T:
        """What a file says.

        Raises:
            CorruptFolder: It is missing, cannot be read, or says something else.
        """
        try:
            return read(self._bytes(name))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CorruptFolder(f"{self.run_id} has no {name}") from error
        except OSError as error:
            raise CorruptFolder(f"{self.run_id}: {name} cannot be read: {error}") from error
        except (ValidationError, ValueError) as error:
            raise CorruptFolder(f"{self.run_id}: {name} is not readable: {error}") from error

    def _record_or_none(self, name: str, kind: type[R]) -> R | None:
        """None where the file is not there or not yet whole (the shim pre-allocates it)."""
        try:
            return kind.model_validate_json(self._bytes(name))
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None


def write_whole(target: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(target)
    except OSError:
        aside.unlink(missing_ok=True)  # on a full disk, a part of it would take the last room
        raise


def dump_records(records: Sequence[Record]) -> str:
    """Records as an indented JSON array."""
    return json.dumps([r.model_dump(mode="json") for r in records], indent=1, ensure_ascii=False)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hashes(folder: Path, prefix: str) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": sha256_of(path) for path in files}


def _parse_events(lines: bytes) -> Iterator[Event]:
    """Lines that are not events are passed over: a torn line of a killed writer is not a fact."""
    for line in lines.splitlines():
        try:
            yield Event.model_validate_json(line)
        except ValidationError:
            continue


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
