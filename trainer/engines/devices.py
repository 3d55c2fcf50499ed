"""CPU or GPU."""

from typing import Literal

from storage.errors import BadInput
from trainer.engines.protocol import Device


def pick_device(asked: Literal["auto", "cpu", "cuda"]) -> Device:
    """The device to compute on.

    Raises:
        BadInput: CUDA was asked for and is not there.
    """
    import torch

    if asked == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise BadInput(
            "device='cuda' was asked for, but this host has no CUDA GPU that PyTorch can use. "
            "Use device=auto or cpu, or send the run to a GPU host."
        )
    return "cpu"


SMALL_MODEL = 2_000_000
"""Parameters below which a second thread costs more than it brings (a 260,000-parameter Llama took
54 ms a step with one thread and 70 ms with two)."""


def use_threads(threads: int, parameters: int) -> int:
    """Compute with this many threads, a small model with one; how many it is now."""
    import torch

    chosen = 1 if parameters < SMALL_MODEL else threads
    torch.set_num_threads(chosen)
    return chosen
