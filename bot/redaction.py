"""Keeps secrets out of the log, whatever is logged and at whatever level."""

import logging

from storage.redaction import redact


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
