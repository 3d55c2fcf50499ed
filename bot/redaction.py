"""Keeps secrets out of the log, whatever is logged and at whatever level."""

import logging
import re

_SECRETS = re.compile(
    r"xox[a-z](?:\.[a-z]+)?-[\w-]+"  # Slack tokens
    r"|xapp-[\w-]+"
    r"|\bhf_\w{8,}"
    r"|\bsk-[\w-]{16,}"
    r"|\bAKIA[0-9A-Z]{12,}"
    r"|(?<=/response/)[\w-]+"  # response URLs: whoever has one may answer
    r"|(?<=hooks\.slack\.com/)[\w/.-]+"
    r"|(?<=ticket=)[\w-]+"
)


def redact(text: str) -> str:
    """The text with everything that looks like a secret taken out."""
    return _SECRETS.sub("[secret]", text)


class RedactingFormatter(logging.Formatter):
    """Formats as usual and redacts the whole line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure_logging(level: int) -> None:
    """Log to standard error, redacted. Called once, from `__main__`."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_is_news)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("slack_bolt").setLevel(max(level, logging.WARNING))
    logging.getLogger("websocket").disabled = True  # its errors come to `bot.slack.socket`, too


def _is_news(record: logging.LogRecord) -> bool:
    """Bolt warns that it ignores a token in the environment; we meant it to."""
    return "`token` will be unused" not in record.getMessage()
