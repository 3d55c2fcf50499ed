"""What Slack refuses in a message. Slack's own models check what they know; the table the rest."""

from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.workspace.state import ApiError, Json

MAX_BLOCKS = 50
MAX_TEXT = 40_000
MAX_OPTIONS, MAX_OPTION_VALUE = 100, 150
BLOCK_TYPES = frozenset(
    {"actions", "context", "divider", "file", "header", "image", "input", "markdown", "plan"}
    | {"rich_text", "section", "table", "video"}
)
TASK_STATES = frozenset({"pending", "in_progress", "complete", "error"})
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
LENGTHS = {"value": 2000, "url": 3000, "action_id": 255, "block_id": 255}


def check_message(args: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuse a message that Slack would refuse.

    Returns:
        Slack's warnings, such as `missing_text_in_message`.

    Raises:
        ApiError: `no_text`, `msg_too_long`, `invalid_blocks`, `invalid_metadata_format`.
    """
    text, blocks = args.get("text") or "", args.get("blocks") or []
    if not text and not blocks:
        raise ApiError("no_text")
    if len(text) > MAX_TEXT:
        raise ApiError("msg_too_long")
    check_blocks(blocks)
    _check_metadata(args.get("metadata"))
    return () if text else ("missing_text_in_message",)


def check_blocks(blocks: Any, most: int = MAX_BLOCKS) -> None:
    """Refuse blocks that Slack would refuse."""
    if not isinstance(blocks, list) or len(blocks) > most:
        raise ApiError("invalid_blocks", f"a list of at most {most} blocks is needed")
    block_ids: list[str] = []
    for block in blocks:
        _check_block(block)
        if block.get("block_id"):
            block_ids.append(block["block_id"])
    if len(block_ids) != len(set(block_ids)):
        raise ApiError("invalid_blocks", "a block_id stands twice")


def with_ids(blocks: list[Json]) -> list[Json]:
    """Slack gives every block an id that has none."""
    return [{"block_id": f"b{number}"} | block for number, block in enumerate(blocks)]


def elements(block: Json) -> Iterator[Json]:
    """What can be clicked or filled in within a block."""
    yield from block.get("elements", []) if block["type"] == "actions" else []
    for place in ("element", "accessory"):
        if place in block:
            yield block[place]


def _check_block(block: Any) -> None:
    if not isinstance(block, dict) or block.get("type") not in BLOCK_TYPES:
        raise ApiError("invalid_blocks", f"not a block for messages: {str(block)[:80]}")
    try:
        parsed = Block.parse(block)
        if parsed is not None:
            parsed.validate_json()
    except (SlackObjectFormationError, TypeError) as error:
        raise ApiError("invalid_blocks", str(error)) from error
    if block["type"] == "plan":
        _check_plan(block)
    for text in [block.get("text"), *block.get("fields", [])]:
        _check_text(text, 2000 if text in block.get("fields", []) else 3000)
    actions = [element["action_id"] for element in elements(block) if "action_id" in element]
    if len(actions) != len(set(actions)):
        raise ApiError("invalid_blocks", "an action_id stands twice in a block")
    for element in (block, *elements(block)):
        for key, most in LENGTHS.items():
            if len(str(element.get(key, ""))) > most:
                raise ApiError("invalid_blocks", f"{key} is longer than {most}")
        if element.get("type") == "button":
            _check_text(element.get("text"), 75, kinds=("plain_text",))
            for key, most in CONFIRM.items():
                _check_text(element.get("confirm", {}).get(key), most)
        if element.get("type") == "static_select":
            _check_options(element)


def _check_plan(block: Json) -> None:
    tasks = block.get("tasks", [])
    if not isinstance(block.get("title"), str) or not isinstance(tasks, list):
        raise ApiError("invalid_blocks", "a plan needs a title and a list of tasks")
    for task in tasks:
        kinds = isinstance(task, dict) and task.get("type") == "task_card"
        if not kinds or not task.get("task_id") or not task.get("title"):
            raise ApiError("invalid_blocks", "a task_card needs task_id and title")
        if task.get("status") not in TASK_STATES:
            raise ApiError("invalid_blocks", f"a task's status is one of {sorted(TASK_STATES)}")
    ids = [task["task_id"] for task in tasks]
    if len(ids) != len(set(ids)):
        raise ApiError("invalid_blocks", "a task_id stands twice in a plan")


def _check_options(element: Json) -> None:
    options = element.get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= MAX_OPTIONS:
        raise ApiError("invalid_blocks", f"a menu needs 1 to {MAX_OPTIONS} options")
    chosen = element.get("initial_option")
    if chosen is not None and chosen not in options:
        raise ApiError("invalid_blocks", "initial_option is none of the options")
    for option in options:
        _check_text(option.get("text"), 75, kinds=("plain_text",))
        if not 1 <= len(str(option.get("value", ""))) <= MAX_OPTION_VALUE:
            raise ApiError("invalid_blocks", f"an option's value needs 1 to {MAX_OPTION_VALUE}")


def _check_text(text: Any, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    if text is None:
        return
    if not isinstance(text, dict) or text.get("type") not in kinds:
        raise ApiError("invalid_blocks", f"a text of type {' or '.join(kinds)} is needed")
    if not 1 <= len(text.get("text", "")) <= most:
        raise ApiError("invalid_blocks", f"a text needs 1 to {most} characters")


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    right = isinstance(metadata, dict) and set(metadata) == {"event_type", "event_payload"}
    if not right or not isinstance(metadata["event_payload"], dict):
        raise ApiError("invalid_metadata_format")
