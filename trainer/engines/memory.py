"""When memory does not suffice."""

from storage.errors import UserError
from storage.records import EXIT_OUT_OF_MEMORY


class OutOfMemory(UserError):
    """The smallest piece of work needs more memory than there is."""

    exit_code = EXIT_OUT_OF_MEMORY


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch names it differently by device."""
    import torch

    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "out of memory" in words or "can't allocate memory" in words or "cannot allocate" in words
    )
