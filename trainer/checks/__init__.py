"""A file per check: a measured value held against a limit."""
