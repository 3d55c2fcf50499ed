"""What the board says about the runs of a task. Read `standings.py` first; imports arithmetic."""
