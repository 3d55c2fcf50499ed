"""No secret is in the log, at whatever level and in whatever shape."""

import io
import logging

import pytest

from bot.redaction import RedactingFormatter, redact

SECRETS = [
    "xoxb-123-456-abcDEF",
    "xoxe.xoxp-1-Mi0yLTE",
    "xapp-1-A0-1-abcdef",
    "hf_abcdefghijkl",
    "sk-proj-abcdefghijklmnop",
    "AKIAABCDEFGHIJKLMNOP",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_taken_out(secret: str) -> None:
    assert redact(f"before {secret}, after") == "before [secret], after"


def test_addresses_that_let_one_answer_are_taken_out() -> None:
    assert redact("https://hooks.slack.com/commands/T1/2/x") == "https://hooks.slack.com/[secret]"
    assert redact("http://127.0.0.1:1/response/abc123") == "http://127.0.0.1:1/response/[secret]"
    assert redact("ws://127.0.0.1:1/link?ticket=abc") == "ws://127.0.0.1:1/link?ticket=[secret]"


def test_ordinary_words_stay() -> None:
    text = "r1m7yr87y2xb0h succeeded; task-list, risk-assessment-of-tickets, half_life"
    assert redact(text) == text


def test_arguments_and_tracebacks_are_redacted() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    log = logging.Logger("test")
    log.addHandler(handler)
    try:
        raise ValueError("token xoxb-1-2-three")
    except ValueError:
        log.exception("args %s", {"token": "xapp-1-2-three"})
    assert "three" not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 2
