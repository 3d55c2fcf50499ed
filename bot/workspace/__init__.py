"""A local Slack: a strict server of its own protocol on 127.0.0.1, for demo and tests."""
