"""How to train: what the spec says, else what was found to work.

The learning rates were measured: on banking10 a MiniLM-size encoder stops at 0.72 accuracy with
5e-4 and reaches 0.96 with 1e-3; a Llama of 260,000 parameters stops at 0.90 F1 on SMS spam with
2e-4. For larger models they fall with the width, as in Schulman et al. 2025, "LoRA without regret".
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from storage.records import Training

Adaptation = Literal["lora", "qlora", "full", "frozen"]
"""What learns: LoRA on a base in 16 or 32 bits, or in 4 bits; every weight; the new head alone."""

OF_LORA = ("rank", "alpha", "dropout")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Resolved settings of one training."""

    epochs: float
    learning_rate: float
    batch_size: int
    max_tokens: int
    rank: int
    alpha: float
    dropout: float
    patience: int
    max_steps: int | None = None
    max_minutes: float | None = None
    adaptation: Adaptation = "lora"
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    evaluations: int = 10

    def as_settings(self) -> dict[str, float | int | str | None]:
        """What the evidence says of it; a training without LoRA has no rank."""
        left_out = () if self.adaptation in {"lora", "qlora"} else OF_LORA
        return {name: value for name, value in asdict(self).items() if name not in left_out}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe, and the names of what was left to us."""

    recipe: Recipe
    defaults: tuple[str, ...]


FULL_SHARE = 0.1
"""Training every weight wants a tenth of LoRA's learning rate (Schulman et al. 2025)."""
FEW_ROWS = 160
"""Of fewer training rows, a batch of 32 is more than a fifth: then 16 are taken at a time."""
FROZEN_RATE = 5e-3
FROZEN_EPOCHS = 10.0


def resolve(
    asked: Training,
    config: Mapping[str, object],
    parameters: int,
    token_limit: int,
    rows: int,
    adaptation: Adaptation = "lora",
) -> Resolved:
    """Fill in what the spec leaves open.

    Args:
        asked: The spec's training; None means the default.
        config: `config.json` of the base.
        parameters: Of the base.
        token_limit: The limit that was found on the training rows, where the spec names none.
        rows: Training rows.
        adaptation: What learns.
    """
    rate = learning_rate(config, parameters)
    rank = adapter_rank(rows)
    by_adaptation = {"full": rate * FULL_SHARE, "frozen": FROZEN_RATE}
    defaults: dict[str, float | int] = {
        "epochs": FROZEN_EPOCHS if adaptation == "frozen" else 3.0,
        "learning_rate": by_adaptation.get(adaptation, rate),
        "batch_size": 32 if rows >= FEW_ROWS else 16,
        "max_tokens": token_limit,
        "rank": rank,
        "alpha": max(32.0, float(rank)),
        "dropout": 0.0,
        "patience": 3,
    }
    given = {name: value for name, value in asked.model_dump().items() if value is not None}
    recipe = Recipe(**(defaults | given), adaptation=adaptation)
    left = (name for name in defaults if name not in given and name in recipe.as_settings())
    return Resolved(recipe, tuple(left))


def adapter_rank(rows: int) -> int:
    """More rows want an adapter that can hold more (Schulman et al. 2025)."""
    return next((rank for most, rank in ((10_000, 16), (100_000, 32)) if rows <= most), 64)


def learning_rate(config: Mapping[str, object], parameters: int) -> float:
    """A start that works, by kind and width of the base."""
    hidden = int(
        str(config.get("hidden_size") or config.get("dim") or config.get("d_model") or 768)
    )
    if is_decoder(config):
        if parameters <= 1_000_000:
            return 3e-3
        if parameters <= 50_000_000:
            return 2e-3
        steps = ((1024, 5e-4), (2048, 4e-4), (3072, 3e-4), (5120, 2e-4))
        return next((rate for width, rate in steps if hidden <= width), 1e-4)
    return next((rate for width, rate in ((512, 2e-3), (768, 1e-3)) if hidden <= width), 5e-4)


def is_decoder(config: Mapping[str, object]) -> bool:
    """Whether the base reads from left to right (Llama-type) and not both ways (BERT-type)."""
    named = config.get("architectures")
    names = named if isinstance(named, list) else []
    return any("CausalLM" in str(name) for name in names) or config.get("model_type") in {
        *("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3"),
        *("gpt2", "gpt_neox", "opt", "smollm3", "olmo2"),
    }
