"""Who did something in Slack, where, and what makes it the same thing when it comes twice.

Taken from what Slack itself says, never from a button's value or from text.
"""

from typing import Any

from bot.access import Caller
from bot.directory import Directory
from bot.slack.speech import Target

Body = dict[str, Any]


def is_command(body: Body) -> bool:
    return "command" in body


def caller_of(directory: Directory, body: Body) -> Caller:
    """The person behind a request, with the channel it came from."""
    target = target_of(body)
    return directory.caller(target.user, target.channel)


def target_of(body: Body) -> Target:
    """Where an answer to a request goes."""
    if is_command(body):
        return Target(
            user=body["user_id"],
            channel=body["channel_id"],
            response_url=body.get("response_url", ""),
        )
    if event := body.get("event"):
        in_channel = event.get("channel_type") != "im"
        thread_ts = event.get("thread_ts") or (event.get("ts", "") if in_channel else "")
        return Target(
            user=event.get("user", ""), channel=event.get("channel", ""), thread_ts=thread_ts
        )
    user, channel = body.get("user") or {}, body.get("channel") or {}
    return Target(
        user=user.get("id", ""),
        channel=channel.get("id", ""),
        response_url=body.get("response_url", ""),
    )


def key_of(body: Body) -> str:
    """What a request is known by when it is delivered again."""
    return f"slack:{body.get('event_id') or body.get('trigger_id')}"
