"""What we know is written down: shared words, the ledger, run folders, the board.

Read `records.py` first: every word that crosses a process, a file or a table is defined there. Then
`ledger.py` (who asked for what), `run_folder.py` (what happened) and `board.py` (what it means).
Imports nothing of ours.
"""
