"""Several processes that train one model together, a GPU each: data parallel, torch's own way.

Every process (rank) holds the whole model and takes its part of each batch; the gradients are added
up, so that a step is the step of one process. The first decides everything else (evaluates, saves,
stops) and tells the others. The environment is that of torchrun: RANK, WORLD_SIZE, MASTER_ADDR,
MASTER_PORT.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np

from trainer.engines.protocol import Device
from trainer.evaluate.arrays import IntArray

T = TypeVar("T")

PATIENCE = timedelta(hours=6)
"""How long the others wait for the first, which may evaluate for long."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process's place among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def connect(self, device: Device) -> None:
        """Find the others, and take one's own GPU."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        if device == "cuda":
            torch.cuda.set_device(self.rank)
        if not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
            distributed.init_process_group(
                backend, rank=self.rank, world_size=self.size, timeout=PATIENCE
            )

    def part(self, places: IntArray) -> IntArray:
        """This process's rows of a batch."""
        return np.array_split(places, self.size)[self.rank]

    def share(self, value: T) -> T:
        """What the first process says."""
        if self.size == 1:
            return value
        from torch import distributed

        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def any(self, told: bool) -> bool:
        """Whether it is so for one of them."""
        return told if self.size == 1 else self._sum(float(told)) > 0

    def add(self, weights: Iterable[Any], value: float) -> float:
        """Add up everybody's gradients in place; the sum of the values."""
        if self.size == 1:
            return value
        import torch
        from torch import distributed

        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            distributed.all_reduce(weight.grad)
        return self._sum(value)

    def _sum(self, value: float) -> float:
        import torch
        from torch import distributed

        held = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(held)
        return float(held[0])


ALONE = Ranks()


def from_environment() -> Ranks:
    """The place that was given to this process; alone where none was."""
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
