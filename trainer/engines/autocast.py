"""Half precision where a run uses it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from trainer.engines.protocol import Device


def autocast(device: Device, dtype: str) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic where the run uses it; weights that learn stay float32."""
    if dtype == "float32":
        return nullcontext()
    import torch

    return torch.autocast(device, dtype=getattr(torch, dtype))
