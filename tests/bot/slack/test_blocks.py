"""Blocks: what people wrote cannot mention, link, hide or overflow."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.replies import Reply, table
from bot.slack import blocks
from bot.workspace.strict import check_message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("<http://evil|nice>", "&lt;http://evil|nice&gt;"),
        ("abc\u202edef\u200b\x00g", "abcdefg"),
        ("*bold* `code`\nline", "*bold* `code`\nline"),
        ("naïve 日本 ✅", "naïve 日本 ✅"),
    ],
)
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert blocks.escape(text) == shown


def test_a_cut_never_splits_an_escape() -> None:
    escaped = blocks.escape("<" * 10)
    for most in range(1, 40):
        cut = blocks.cap(escaped, most)
        assert len(cut) <= most
        assert cut.replace("&lt;", "").replace("…", "") == ""


def test_columns_are_aligned() -> None:
    message = blocks.reply_message(Reply("Two.", table=table(("run", "by"), [("r1", "ana & co")])))
    assert message["blocks"][-1]["text"]["text"] == "```\nrun  by\nr1   ana &amp; co\n```"


@given(st.text(max_size=200), st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3)))
def test_every_reply_is_a_message_that_slack_takes(text: str, rows: list[list[str]]) -> None:
    reply = Reply(text * 40, table=table(("a", "b", "c"), rows * 30))
    message = blocks.reply_message(reply)
    assert check_message(message) == ()
    assert len(message["text"]) <= 4000


@given(st.text(max_size=5000))
def test_no_text_breaks_out(text: str) -> None:
    shown: Any = blocks.section(text)["text"]["text"]
    assert "<" not in shown
    assert len(shown) <= blocks.SECTION_LIMIT
