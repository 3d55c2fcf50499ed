"""Greedy continuation of prompts, in batches padded on the left."""

from collections.abc import Sequence
from typing import Any

from trainer.engines.autocast import autocast
from trainer.engines.batches import by_length
from trainer.engines.protocol import Device
from trainer.stopping import StopRequest

BATCH = 32


def continue_prompts(
    model: Any,
    prompts: Sequence[Sequence[int]],
    most: int,
    end: int,
    pad_id: int,
    device: Device,
    dtype: str,
    stop: StopRequest | None = None,
) -> list[list[int]]:
    """What the model writes after each prompt, in the order of the prompts.

    An answer stops at its end, which is kept, or after `most` tokens. Settings that came with the
    base (temperature, length) do not count: the same prompt gives the same answer.

    Raises:
        Cancelled: Asked to stop.
    """
    import torch
    from transformers import GenerationConfig

    model.eval()
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=most,
        eos_token_id=end,
        pad_token_id=pad_id,
        use_cache=True,
    )
    found: list[list[int]] = [[] for _ in prompts]
    with torch.inference_mode(), autocast(device, dtype):
        for places in by_length(prompts, BATCH):
            if stop:
                stop.raise_if_requested()
            longest = max(len(prompts[place]) for place in places)
            ids = torch.full((len(places), longest), pad_id)
            mask = torch.zeros_like(ids)
            for row, place in enumerate(places):
                start = longest - len(prompts[place])
                ids[row, start:] = torch.as_tensor(list(prompts[place]))
                mask[row, start:] = 1
            out = model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                generation_config=settings,
            )[:, longest:].tolist()
            for place, answer in zip(places, out, strict=True):
                found[place] = answer[: answer.index(end) + 1] if end in answer else answer
    return found
