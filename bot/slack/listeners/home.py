"""The Home tab: drawn when somebody opens it, by the publisher."""

from typing import Any

from slack_bolt import Ack, App

from bot.actions import Actions
from bot.slack.speech import draw_home


def register(app: App, actions: Actions) -> None:
    """Listen to the Home tab being opened."""

    @app.event("app_home_opened")
    def opened(ack: Ack, event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            draw_home(actions.ledger, str(event["user"]))
        ack()
