"""Which engine trains, and why: always recorded, a fallback never silent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trainer.engines.preflight import Preflight, unsloth_preflight
from trainer.engines.protocol import Device, Engine
from trainer.engines.recipe import is_decoder

Asked = Literal["auto", "transformers", "unsloth"]


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, the reason in words, and whether it is not the one that was asked for."""

    engine: Engine
    reason: str
    fallback: bool = False


def choose(asked: Asked, config: Mapping[str, object], device: Device, *, head: bool) -> Choice:
    """The engine of a training.

    Heads use plain PEFT unless the spec asks for Unsloth: its classification path is young (issues
    372, 1461 and 2704 of its tracker were open in October 2026), and it trains decoders only. What
    answers with words uses Unsloth where it can.
    """
    if asked == "transformers" or (asked == "auto" and head):
        why = "as asked" if asked == "transformers" else "heads use plain PEFT by default"
        return Choice(_transformers(), f"{why}, on {device}")
    found, wanted = _usable(config, device), "as asked" if asked == "unsloth" else "by default"
    if found.usable:
        from trainer.engines.unsloth import UnslothEngine

        return Choice(UnslothEngine(), f"{wanted}: {found.reason}")
    first = "unsloth was asked for" if asked == "unsloth" else "unsloth is the default here"
    reason = f"{first}, but {found.reason}; transformers + PEFT instead, on {device}"
    return Choice(_transformers(), reason, fallback=asked == "unsloth" or device == "cuda")


def _usable(config: Mapping[str, object], device: Device) -> Preflight:
    if device != "cuda":
        return Preflight(False, "it needs a CUDA GPU, and this run computes on the CPU")
    if not is_decoder(config):
        return Preflight(False, "it trains Llama-type bases only, and this one is an encoder")
    return unsloth_preflight()


def _transformers() -> Engine:
    from trainer.engines.transformers import TransformersEngine

    return TransformersEngine()
