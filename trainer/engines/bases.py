"""Base models: where their files are, and which weights they hold. Loads no torch.

Only safetensors are read and no code of a model's own is run: a base is data, never a program.
"""

import json
import math
from pathlib import Path

from storage.errors import BadInput
from storage.records import BaseIdentity, BaseRef, digest_of
from storage.run_folder import sha256_of
from trainer.data.tokens import base_config

FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")


def locate(base: BaseRef) -> Path:
    """The folder of a base's files; a hub base is fetched, or found in the cache when offline.

    Raises:
        BadInput: It is not there, cannot be fetched, or is not a model that may be loaded.
    """
    folder = _from_hub(base, base.hub) if base.hub else Path(base.path or "")
    config = base_config(folder)
    if "auto_map" in config:
        raise BadInput(
            f"Base {base.name!r} wants to run code of its own (config.json has 'auto_map'), which "
            "is never allowed here. Choose a base of a known architecture."
        )
    if not weight_files(folder):
        raise BadInput(
            f"Base {base.name!r} ({folder}) has no .safetensors weights; pickled weights (.bin) "
            "are not loaded. Convert it to safetensors."
        )
    return folder


def weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def identify(base: BaseRef, folder: Path) -> BaseIdentity:
    """Which weights these are, by hash."""
    config = base_config(folder)
    named = config.get("architectures")
    architecture = named[0] if isinstance(named, list) and named else config.get("model_type", "?")
    return BaseIdentity(
        name=base.name,
        source=base.hub or str(folder),
        revision=base.revision or "local",
        weights_sha256=weights_hash(folder),
        architecture=str(architecture),
        parameters=parameters_of(folder),
    )


def parameters_of(folder: Path) -> int:
    """How many weights a base has, counted from its files; 0 where it has none."""
    return sum(_parameters(path) for path in weight_files(folder))


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weight file; of several, the digest of their names and hashes."""
    hashes = {path.name: sha256_of(path) for path in weight_files(folder)}
    return next(iter(hashes.values())) if len(hashes) == 1 else digest_of(hashes)


def _parameters(path: Path) -> int:
    """Counted from the header of a safetensors file: a length in 8 bytes, then JSON."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        try:
            header = json.loads(stream.read(min(size, 100_000_000)))
        except ValueError as error:
            raise BadInput(
                f"{str(path)!r} is not a safetensors file. Fetch the model again."
            ) from error
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name[0] != "_"]
    whole, found = 8 + size + max(ends, default=0), path.stat().st_size
    if found != whole:
        raise BadInput(
            f"{str(path)!r} has {found:,} bytes where its header says {whole:,}: it is cut off or "
            "damaged. Fetch the model again."
        )
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name[0] != "_")


def _from_hub(base: BaseRef, hub: str) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(hub, revision=base.revision, allow_patterns=list(FILES)))
    except HFValidationError as error:
        raise BadInput(f"{hub!r} is not a hub id: use owner/name.") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        raise BadInput(
            f"Base {base.name!r}: {hub!r} at revision {str(base.revision)[:12]} is neither in "
            "the local cache nor could the hub be reached "
            f"({type(error).__name__}). Connect to the network once (HF_HUB_OFFLINE unset), check "
            "id and revision, or give the path of a local folder."
        ) from error
