"""Takes what looks like a secret out of a text, before anybody is shown it or it is kept."""

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
