"""People ask and are answered; runs are queued and sent to hosts.

Read `commands.py` (what can be said) and `actions.py` (what it does) first: Slack and the terminal
share both. `slack/` is Slack's side, `hosts/` the GPU hosts' side, `workspace/` a local Slack,
`demo/` the story that `make demo` plays. May import `storage` and `trainer.evaluate`.
"""
