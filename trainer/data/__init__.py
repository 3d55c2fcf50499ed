"""Rows in, checked and split examples out. Only this package opens a task's files."""
