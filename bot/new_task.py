"""A task from words: `task new NAME file=… text=… label=…` as the TOML that a file would hold."""

import json
from collections.abc import Callable, Mapping

from storage.errors import BadInput

TOP = {"kind": "kind", "metric": "primary_metric", "owner": "owner", "licence": "licence"}
TOP |= {"positive": "positive", "cluster": "cluster"}
LISTS = {"sensitive": "sensitive", "favourable": "favourable"}
FILES = ("file", "train", "validation", "test", "general")
DATA = ("text", "label", "format", "encoding", "quoting")
KEYS = (*TOP, *LISTS, "sealed", *FILES, *DATA, "approvals")
"""What can be said in words; a task file can say more (docs/tasks.md)."""
YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}


def toml_of(name: str, options: Mapping[str, str], path_of: Callable[[str], str]) -> str:
    """The text of a task file.

    Args:
        options: Values by key, one of `KEYS`.
        path_of: Where a file that a person named lies.

    Raises:
        BadInput: `sealed` is neither yes nor no, or `approvals` is no number.
    """
    top: dict[str, object] = {"name": name}
    top |= {TOP[key]: value for key, value in options.items() if key in TOP}
    top |= {LISTS[key]: _list(value) for key, value in options.items() if key in LISTS}
    if "sealed" in options:
        top["sealed"] = _yes_or_no("sealed", options["sealed"])
    data = {key: path_of(value) for key, value in options.items() if key in FILES}
    data |= {key: value for key, value in options.items() if key in DATA}
    lines = [*_lines(top), "", "[data]", *_lines(data)]
    if "approvals" in options:
        lines += ["", "[policy]", *_lines({"approvals": _number("approvals", options)})]
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, object]) -> list[str]:
    """Keys and values as TOML, whose strings, lists and numbers are written as JSON's are."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _yes_or_no(key: str, value: str) -> bool:
    if value.lower() not in YES_OR_NO:
        raise BadInput(f"`{key}` is {value!r}; write yes or no.")
    return YES_OR_NO[value.lower()]


def _number(key: str, options: Mapping[str, str]) -> int:
    if not options[key].isdecimal():
        raise BadInput(f"`{key}` is {options[key]!r}; write a whole number.")
    return int(options[key])
