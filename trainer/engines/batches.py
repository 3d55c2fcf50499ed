"""Texts become padded batches of about equal length: on a CPU padding is most of the work saved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.evaluate.arrays import IntArray

NEIGHBOURHOOD = 16
"""Batches are cut from this many batches' worth of shuffled rows, sorted by length."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A tokenizer with a limit and a padding token: always padded on the right.

    Llama-type models find the last token of a text by where the padding begins, so the padding
    token must be known and on the right.
    """

    tokenizer: Any
    max_tokens: int

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut at the limit, at least one each."""
        found = self.tokenizer(
            list(texts), truncation=True, max_length=self.max_tokens, padding=False
        )["input_ids"]
        return [ids or [self.pad_id] for ids in found]


def load_reader(folder: Path, max_tokens: int) -> Reader:
    """The tokenizer of a base or of a saved model."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    return Reader(tokenizer, max_tokens)


def padded(rows: Sequence[Sequence[int]], pad_id: int, device: str) -> dict[str, Any]:
    """`input_ids` and `attention_mask`, shape (rows, longest)."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[place, : len(row)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def epoch_batches(lengths: IntArray, batch_size: int, seed: int, epoch: int) -> list[IntArray]:
    """The batches of one epoch: every row once, neighbours in length together, in random order.

    They depend on nothing but the arguments, so that a resumed run sees the same rows in the same
    order.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    block = NEIGHBOURHOOD * batch_size
    batches: list[IntArray] = []
    for start in range(0, len(order), block):
        part = order[start : start + block]
        ordered = part[np.argsort(lengths[part], kind="stable")]
        batches += [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
    return [batches[place] for place in rng.permutation(len(batches))]


def by_length(rows: Sequence[Sequence[int]], batch_size: int) -> Iterator[IntArray]:
    """Places of the rows in batches of about equal length, for scoring."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
