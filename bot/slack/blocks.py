"""Pieces of messages: pure functions from words to Block Kit, escaped and capped.

Text of ours may carry light markup (`code`, *bold*); what people wrote may be in it. So `&`, `<`
and `>` are always escaped, which takes away mentions, links and `<!channel>`; characters that
cannot be seen or that turn the direction of reading are left out.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from bot.replies import Reply, Table

Block = dict[str, Any]

APPROVE, REJECT, CANCEL_RUN = "approve", "reject", "cancel_run"
"""Action ids of buttons that do something; their value is a review or run id."""
START_RUN, CHANGE_RUN, LEAVE_RUN = "start_run", "change_run", "leave_run"
"""Action ids of a plan's buttons; their value is the line that starts it."""
ASK, WAIVE = "ask", "waive"
"""Action ids of a review's buttons that open a form; their value is the review's id."""
LINK = "open_link"
"""Action ids that begin so are links: Slack reports the click, and nothing is to be done."""
REASON_BLOCK, REASON_INPUT = "reason", "reason_text"

SECTION_LIMIT, TEXT_LIMIT, FIELD_LIMIT, BUTTON_LIMIT = 3000, 3900, 2000, 75
MOST_SECTIONS, MOST_IN_VIEW, HEADER_LIMIT, VALUE_LIMIT = 40, 100, 150, 2000


def escape(text: str) -> str:
    """Text that Slack shows as it is: no mention, no link, nothing invisible."""
    shown = "".join(char for char in text if char in "\n\t" or _visible(char))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def seen(text: str) -> str:
    """Text for a place that takes no markup: one line of what can be seen."""
    return "".join(char for char in text if _visible(char))


def cap(text: str, most: int) -> str:
    """At most so many characters; what was cut is marked, and no escape is cut in two."""
    if len(text) <= most:
        return text
    return re.sub(r"&[a-z]*$", "", text[: most - 1]) + "…"


def header(text: str) -> Block:
    """A large line."""
    return {"type": "header", "text": plain(cap(seen(text), HEADER_LIMIT))}


def section(text: str) -> Block:
    """A paragraph; `text` is escaped here."""
    return {"type": "section", "text": _mrkdwn(cap(escape(text) or "–", SECTION_LIMIT))}


def sections(lines: Sequence[str]) -> list[Block]:
    """Lines as few paragraphs as they fit into."""
    return [section_of(part) for part in _packed([escape(line) for line in lines], SECTION_LIMIT)]


def section_of(escaped: str) -> Block:
    """A paragraph of text that is escaped already."""
    return {"type": "section", "text": _mrkdwn(escaped)}


def fields(pairs: Sequence[tuple[str, str]]) -> Block:
    """Up to ten labelled values in two columns."""
    shown = [_mrkdwn(cap(f"*{escape(k)}*\n{escape(v) or '–'}", FIELD_LIMIT)) for k, v in pairs[:10]]
    return {"type": "section", "fields": shown}


def context(text: str) -> Block:
    """A line in small letters."""
    return {"type": "context", "elements": [_mrkdwn(cap(escape(text), FIELD_LIMIT))]}


def button(label: str, action_id: str, value: str, style: str = "", confirm: str = "") -> Block:
    """A button that does something, after a question where there is one."""
    found: Block = {
        "type": "button",
        "text": plain(cap(label, BUTTON_LIMIT)),
        "action_id": action_id,
        "value": value,
    }
    if style:
        found["style"] = style
    if confirm:
        found["confirm"] = {
            "title": plain(label),
            "text": plain(confirm),
            "confirm": plain("Yes"),
            "deny": plain("No"),
        }
    return found


def link(label: str, url: str, number: int = 0) -> Block:
    """A button that opens a page."""
    found = {"type": "button", "text": plain(label), "url": url}
    return found | {"action_id": f"{LINK}_{number}"}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def reason_field() -> Block:
    """Where a reviewer types a reason. Its block id stays: an update keeps what was typed."""
    return {
        "type": "input",
        "block_id": REASON_BLOCK,
        "optional": True,
        "label": plain("Reason for a decision"),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON_INPUT,
            "multiline": True,
            "max_length": 1000,
        },
    }


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def reply_message(reply: Reply) -> Block:
    """A Reply as `text` and `blocks`."""
    shown = sections(reply.text.splitlines()) + (_table(reply.table) if reply.table else [])
    if reply.start and len(reply.start) <= VALUE_LIMIT:
        start = button("Start it", START_RUN, reply.start, "primary")
        change = button("Change…", CHANGE_RUN, reply.start)
        leave = button("Cancel", LEAVE_RUN, reply.start)
        shown = [*shown[:49], actions(start, change, leave)]
    return {"text": cap(escape(reply.text), TEXT_LIMIT) or "Done.", "blocks": shown[:50]}


def note_message(text: str) -> Block:
    """A few words as `text` and `blocks`."""
    return reply_message(Reply(text))


def bar(share: float, width: int = 20) -> str:
    """A bar of text: `█████░░░░░`."""
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "░" * (width - full)


def _table(table: Table) -> list[Block]:
    """Rows in columns of equal width, in as many paragraphs as they need."""
    rows = [[escape(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [min(40, max(_width(row[i]) for row in rows)) for i in range(len(table.columns))]
    lines = [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    ]
    parts = _packed([line.rstrip().replace("```", "'''") for line in lines], SECTION_LIMIT - 8)
    return [section_of(f"```\n{part}\n```") for part in parts]


def _packed(lines: Sequence[str], most: int) -> list[str]:
    """Lines joined into as few texts as possible, each at most so long."""
    parts: list[str] = []
    for line in (cap(line, most) for line in lines):
        if parts and len(parts[-1]) + 1 + len(line) <= most:
            parts[-1] += f"\n{line}"
        elif line.strip():
            parts.append(line)
    return parts[:MOST_SECTIONS]


def _width(cell: str) -> int:
    """How wide a cell is shown: an escape is one character."""
    return len(re.sub(r"&(amp|lt|gt);", "x", cell))


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _visible(char: str) -> bool:
    """Control and format characters (direction marks, zero width) are not."""
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
