"""Fields of a form: each has one name, as block id and as action id."""

from collections.abc import Sequence

from bot.slack import blocks
from bot.slack.blocks import Block

MOST_OPTIONS = 100


def menu(
    name: str,
    label: str,
    choices: Sequence[str],
    chosen: str,
    hint: str = "",
    *,
    optional: bool = False,
) -> Block:
    """A menu; where there are too many or no choices for one, a line to type into."""
    if not 1 <= len(choices) <= MOST_OPTIONS or any(not 1 <= len(one) <= 75 for one in choices):
        return line(name, chosen, label, hint, optional=optional)
    options = [{"text": blocks.plain(choice), "value": choice} for choice in choices]
    element: Block = {"type": "static_select", "action_id": name, "options": options}
    initial = next((option for option in options if option["value"] == chosen), None)
    if initial:
        element["initial_option"] = initial
    return _input(name, label, element, hint, optional=optional)


def line(name: str, value: str, label: str, hint: str = "", *, optional: bool = True) -> Block:
    """A line to type into."""
    element: Block = {"type": "plain_text_input", "action_id": name, "max_length": 500}
    if value:
        element["initial_value"] = value
    return _input(name, label, element, hint, optional=optional)


def _input(name: str, label: str, element: Block, hint: str, *, optional: bool) -> Block:
    found = {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": blocks.plain(label),
        "element": element,
    }
    return found | ({"hint": blocks.plain(hint)} if hint else {})
