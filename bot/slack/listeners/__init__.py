"""A file per Slack surface, each with one `register(app, …)`. Validate, commit one row, ack."""
