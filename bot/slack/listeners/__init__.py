"""What comes in from Slack: a file per surface, each with `register`. No logic here.

`commands.py` slash commands · `mentions.py` mentions and direct messages · `forms.py` modals ·
`new_task.py` the form for a task ·
`home.py` the Home tab · `links.py` links to our pages ·
`reviews.py`, `runs.py` buttons · `unknown.py` everything nobody else
answers. `origin.py` says who did it and where.
"""

from slack_bolt import App

from bot.actions import Actions
from bot.slack.listeners import (
    commands,
    forms,
    home,
    links,
    mentions,
    new_task,
    reviews,
    runs,
    unknown,
)


def register(app: App, actions: Actions) -> None:
    """Register every listener; the one for what is unknown comes last."""
    for surface in (commands, mentions, forms, new_task, home, links, reviews, runs, unknown):
        surface.register(app, actions)
