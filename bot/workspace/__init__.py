"""A local Slack: a strict server of its own protocol on 127.0.0.1, for demo and tests.

Start it with `python -m bot.workspace --port N --state FILE`. Read `people.py` (what users do) and
`web_api.py` (what a bot may call) first; `driver.py` is for those who act as users. It knows the
protocol only and imports nothing of `bot.slack`: what it refuses, Slack refuses.
"""
