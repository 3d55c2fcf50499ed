"""Slack's side: the Bolt app, its listeners, message blocks and the one publisher."""
