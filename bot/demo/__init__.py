"""The story that `make demo` plays, with its own data, in the local Slack."""
