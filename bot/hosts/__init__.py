"""The GPU hosts' side: the dispatcher owns the queue, a launcher places one shim per attempt.

Read `dispatcher.py` first, then `launcher.py` (what it asks of an engine) and `local.py` (this
machine). `work.py` is the thread that runs it all; `projection.py` is a process of its own.
"""
