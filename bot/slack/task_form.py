"""The form for a new task, in two steps: which files, then which columns. Pure: facts to views."""

import json
from collections.abc import Mapping, Sequence

from bot.slack import blocks
from bot.slack.blocks import Block
from bot.slack.fields import line, menu
from storage.records import PRIMARY_METRICS, TaskKind

FILES, COLUMNS = "task_files", "task_columns"
"""Callback ids of the two steps."""
OPEN = "open_task"
"""Action id of the button that opens the form."""
FILE_FIELDS = ("name", "kind", "file", "train", "validation", "test")
COLUMN_FIELDS = ("text", "label", "metric", "sensitive", "approvals", "sealed", "more")
LABELS = {
    "name": "Name of the task",
    "kind": "What is answered",
    "file": "One file, to be split 70/10/20",
    "train": "… or a file to train on",
    "validation": "… to validate on (else a tenth of train)",
    "test": "… and to test on",
    "text": "Column with the text",
    "label": "Column with the label",
    "metric": "Ranked by",
    "sensitive": "Columns for the bias check",
    "approvals": "Approvals needed",
    "sealed": "Scores on test are shown only at review",
    "more": "More settings",
}
HINTS = {
    "name": "Small letters, digits, - and _.",
    "sensitive": "Names of columns with commas between them, such as region,age_group.",
    "more": "As key=value, such as owner=support positive=spam licence=internal.",
}


def files_view(files: Sequence[str], channel: str) -> Block:
    """The first step: a name, a kind, and files below the data roots."""
    kinds = [kind.value for kind in TaskKind]
    body = [
        _line("name"),
        menu("kind", LABELS["kind"], kinds, kinds[0]),
        *(menu(name, LABELS[name], files, "", optional=True) for name in FILE_FIELDS[2:]),
    ]
    return _view(FILES, "Next", {"channel": channel}, body)


def columns_view(given: Mapping[str, str], columns: Sequence[str], channel: str) -> Block:
    """The second step: columns, metric and policy.

    Args:
        given: What the first step said.
        columns: Those that the file names; where there are none, their names are typed.
    """
    metrics = PRIMARY_METRICS[TaskKind(given["kind"])]
    usual = {name: name if name in columns else "" for name in ("text", "label")}
    body = [
        *(menu(n, LABELS[n], columns, usual[n], optional=True) for n in ("text", "label")),
        menu("metric", LABELS["metric"], metrics, metrics[0]),
        _line("sensitive"),
        menu("approvals", LABELS["approvals"], ["1", "2", "3"], "1"),
        menu("sealed", LABELS["sealed"], ["no", "yes"], "no"),
        _line("more"),
    ]
    return _view(COLUMNS, "Register", {"channel": channel, "given": dict(given)}, body)


def _line(name: str) -> Block:
    return line(name, "", LABELS[name], HINTS.get(name, ""), optional=name != "name")


def _view(callback: str, submit: str, metadata: Mapping[str, object], body: list[Block]) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": json.dumps(metadata),
        "title": blocks.plain("New task"),
        "submit": blocks.plain(submit),
        "close": blocks.plain("Cancel"),
        "blocks": body,
    }
