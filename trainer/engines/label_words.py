"""How likely a language model finds each label's words after a prompt.

A score is the sum of the log-likelihoods of an answer's tokens, its end included: no length
normalisation, which leaves accuracy alone and spoils the probabilities.

All answers of a prompt are scored in one pass: they stand behind it side by side, each seeing the
prompt and its own earlier tokens only (a four-dimensional attention mask), positions counted from
the prompt's end. Kernels that ignore such masks exist, so the plain way (one sequence an answer)
checks the packed one before it is trusted, and takes its place where they differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainer.engines.autocast import autocast
from trainer.engines.batches import by_length, padded
from trainer.engines.protocol import Device
from trainer.evaluate.arrays import BoolArray, FloatArray, IntArray
from trainer.stopping import StopRequest

PROBED = 8
APART = {"float32": 1e-3, "bfloat16": 0.25, "float16": 0.05}
"""How far packed and plain scores may be apart, in nats."""
BATCH = 64
LOGITS_HELD = 2**26
"""Numbers of one pass: tokens of answers times vocabulary."""

Tokens = Sequence[int]


@dataclass(frozen=True, slots=True)
class LabelScorer:
    """A causal language model and K answers.

    Attributes:
        answers: Shape (K,). The tokens of each label's answer, its end included.
    """

    model: Any
    answers: tuple[tuple[int, ...], ...]
    pad_id: int
    device: Device
    dtype: str
    packed: bool = True

    def scores(self, prompts: Sequence[Tokens], stop: StopRequest | None = None) -> FloatArray:
        """Log-likelihoods, shape (prompts, K).

        Raises:
            Cancelled: Asked to stop.
        """
        import torch

        self.model.eval()
        found = np.empty((len(prompts), len(self.answers)))
        score = self._packed if self.packed else self._plain
        with torch.inference_mode(), autocast(self.device, self.dtype):
            for places in self._batches(prompts):
                if stop:
                    stop.raise_if_requested()
                found[places] = score([prompts[place] for place in places])
        return found

    def checked(self, prompts: Sequence[Tokens]) -> tuple["LabelScorer", float]:
        """This scorer, or the plain one where packing changes scores; and how far they differ."""
        chosen = list(prompts[:PROBED])
        plain = replace(self, packed=False)
        apart = float(np.abs(self.scores(chosen) - plain.scores(chosen)).max())
        return (self if apart <= APART[self.dtype] else plain), apart

    def _batches(self, prompts: Sequence[Tokens]) -> Iterator[IntArray]:
        width = sum(len(answer) for answer in self.answers)
        size = max(1, min(BATCH, LOGITS_HELD // (width * int(self.model.config.vocab_size))))
        return by_length(prompts, size)

    def _packed(self, prompts: Sequence[Tokens]) -> FloatArray:
        import torch

        longest, layout = max(map(len, prompts)), _Layout.behind(self.answers)
        ids = torch.full((len(prompts), longest + len(layout.tokens)), self.pad_id)
        positions = torch.zeros_like(ids)
        seen = torch.zeros((*ids.shape, ids.shape[1]), dtype=torch.bool)
        seen |= torch.eye(ids.shape[1], dtype=torch.bool)  # padding sees itself: no empty rows
        own = torch.as_tensor(layout.sees)
        for row, prompt in enumerate(prompts):
            start = longest - len(prompt)
            ids[row, start:longest] = torch.as_tensor(list(prompt))
            positions[row, start:longest] = torch.arange(len(prompt))
            positions[row, longest:] = len(prompt) + torch.as_tensor(layout.places)
            seen[row, start:longest, start:longest] = True
            seen[row, start:longest, start:longest] &= torch.ones(
                (len(prompt), len(prompt)), dtype=torch.bool
            ).tril()
            seen[row, longest:, start:longest] = True
            seen[row, longest:, longest:] = own
        ids[:, longest:] = torch.as_tensor(layout.tokens)
        kept = torch.arange(longest - 1, ids.shape[1])
        logits = self.model(
            input_ids=ids.to(self.device),
            attention_mask=self._additive(seen[:, None]),
            position_ids=positions.to(self.device),
            logits_to_keep=kept.to(self.device),
            use_cache=False,
        ).logits
        return layout.sums(_log_likelihoods(logits[:, layout.asked], layout.wanted))

    def _additive(self, seen: Any) -> Any:
        import torch

        kind = torch.float32 if self.dtype == "float32" else getattr(torch, self.dtype)
        mask = torch.zeros(seen.shape, dtype=kind)
        return mask.masked_fill(~seen, torch.finfo(kind).min).to(self.device)

    def _plain(self, prompts: Sequence[Tokens]) -> FloatArray:
        import torch

        found = np.empty((len(prompts), len(self.answers)))
        for row, prompt in enumerate(prompts):
            for place, answer in enumerate(self.answers):
                batch = padded([[*prompt, *answer[:-1]]], self.pad_id, self.device)
                logits = self.model(**batch, use_cache=False).logits[:, len(prompt) - 1 :]
                found[row, place] = _log_likelihoods(logits, torch.as_tensor(answer)).sum()
        return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the answers' tokens stand behind a prompt.

    The last token of an answer is only predicted; the n others are read. Of all K answers T tokens
    are predicted, the first of each from the prompt's last logits.

    Attributes:
        tokens: Shape (n,). Those that are read.
        places: Shape (n,). Position within the answer.
        sees: Shape (n, n). Which of them each sees.
        asked: Shape (T,). Which kept logits predict each wanted token; 0 is the prompt's last.
        wanted: Shape (T,). The predicted tokens.
        firsts: Shape (K,). Where each answer begins in `wanted`.
    """

    tokens: IntArray
    places: IntArray
    sees: BoolArray
    asked: IntArray
    wanted: IntArray
    firsts: IntArray

    @classmethod
    def behind(cls, answers: Sequence[Tokens]) -> "_Layout":
        read = [answer[:-1] for answer in answers]
        owner = np.repeat(np.arange(len(read)), [len(part) for part in read])
        places = np.concatenate([np.arange(len(part)) for part in read]).astype(np.int64)
        starts = np.cumsum([0, *(len(part) for part in read[:-1])])
        asked = [
            [0, *range(1 + start, 1 + start + len(part))]
            for start, part in zip(starts, read, strict=True)
        ]
        return cls(
            tokens=np.array([token for part in read for token in part], np.int64),
            places=places,
            sees=(owner[:, None] == owner) & (places[:, None] >= places),
            asked=np.concatenate(asked).astype(np.int64),
            wanted=np.concatenate([list(answer) for answer in answers]).astype(np.int64),
            firsts=np.cumsum([0, *(len(answer) for answer in answers[:-1])]),
        )

    def sums(self, each: Any) -> FloatArray:
        """Shape (prompts, T) to (prompts, K)."""
        found = np.add.reduceat(each.double().cpu().numpy(), self.firsts, axis=1)
        return np.asarray(found, np.float64)


def _log_likelihoods(logits: Any, wanted: Any) -> Any:
    """Shape (…, T, vocabulary) and (T,) to (…, T)."""
    import torch

    whole = logits.float()
    index = torch.as_tensor(wanted, device=whole.device).expand(whole.shape[:-1])[..., None]
    return whole.gather(-1, index)[..., 0] - whole.logsumexp(dim=-1)
