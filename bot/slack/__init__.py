"""Slack's side: what people do there comes in, what happened is told there.

Read `app.py` (how a click becomes an action) and `publisher.py` (how a fact becomes a message)
first. `listeners/` has a file per surface; `cards.py` and `blocks.py` are pure. May import what the
rest of `bot` may.
"""
