"""The GPU hosts' side: the dispatcher owns the queue, a launcher places one shim per attempt."""
