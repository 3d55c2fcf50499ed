"""How many tokens the texts have for a base model. Loads the tokenizer only, and no torch."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.errors import BadInput
from storage.records import Check, DataQuality, Outcome, Split
from trainer.data.dataset import Dataset
from trainer.evaluate.arrays import IntArray

DEFAULT_CAP = 128
SHORTEST_LIMIT = 8


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Shape (rows,) each, special tokens included, before any cut."""

    train: IntArray
    every: IntArray


def count_tokens(dataset: Dataset, base: Path) -> TokenCounts:
    """Tokens of every used row.

    Raises:
        BadInput: The folder holds no tokenizer.
    """
    counted = {
        split: _lengths(base, [row.text for row in dataset.splits[split]]) for split in Split
    }
    return TokenCounts(counted[Split.TRAIN], np.concatenate(list(counted.values())))


def token_limit(asked: int | None, train: IntArray, base: Path) -> int:
    """After how many tokens texts are cut: as asked, else long enough for nearly all.

    Raises:
        BadInput: More was asked for than the base can read.
    """
    most = positions_of(base)
    if asked is not None and asked > most:
        raise BadInput(
            f"max_tokens={asked} was asked for, but base {base.name!r} reads at most {most}. "
            "Lower it."
        )
    return asked or default_limit(train, base)


def default_limit(train: IntArray, base: Path) -> int:
    """Long enough for 99 % of the training rows, in steps of 8, at most 128 and the model's own."""
    wanted = 8 * math.ceil(float(np.quantile(train, 0.99)) / 8)
    return max(SHORTEST_LIMIT, min(wanted, DEFAULT_CAP, positions_of(base)))


def positions_of(base: Path) -> int:
    """The most tokens that a base can read, by its config."""
    config = base_config(base)
    found = config.get("max_position_embeddings") or config.get("n_positions") or 512
    # RoBERTa keeps the first two positions for padding.
    offset = 2 if config.get("model_type") in {"roberta", "xlm-roberta", "camembert"} else 0
    return int(str(found)) - offset


def base_config(base: Path) -> dict[str, object]:
    """`config.json` of a base.

    Raises:
        BadInput: The folder is not a model.
    """
    try:
        found = json.loads((base / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what = "has no config.json" if base.is_dir() else "does not exist"
        raise BadInput(
            f"Base {str(base)!r} {what}. Give the folder of a model: config.json, "
            "model.safetensors and tokenizer.json."
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(
            f"Base {str(base)!r}: config.json cannot be read ({error}). Fetch the model again."
        ) from error
    if not isinstance(found, dict):
        raise BadInput(f"Base {str(base)!r}: config.json is not an object. Fetch the model again.")
    return found


def with_token_counts(quality: DataQuality, counts: TokenCounts, limit: int) -> DataQuality:
    """The same quality report, with what the limit cuts."""
    return quality.model_copy(
        update={
            "tokens_median": int(np.median(counts.every)),
            "tokens_p95": int(np.quantile(counts.every, 0.95)),
            "tokens_max": int(counts.every.max()),
            "token_limit": limit,
            "rows_over_limit": int((counts.every > limit).sum()),
        }
    )


def overlong(quality: DataQuality, limit: float) -> Check:
    """Hold the share of rows that are cut at the token limit against what the task allows."""
    over, rows = quality.rows_over_limit or 0, quality.rows_used
    share = over / rows
    many = share > limit
    return Check(
        id="overlong",
        outcome=Outcome.WARN if many else Outcome.PASS,
        value=share,
        limit=limit,
        n=rows,
        reason=f"{over} of {rows} rows have more than {quality.token_limit} tokens and are cut; "
        f"a share of {limit:g} is allowed.",
        advice="Raise max_tokens, or shorten the texts." if many else "",
    )


def _lengths(base: Path, texts: Sequence[str]) -> IntArray:
    from tokenizers import Tokenizer

    if not (base / "tokenizer.json").exists():
        base_config(base)  # a folder that is no model at all gets that message
        raise BadInput(
            f"Base {str(base)!r} has no tokenizer.json. Save its tokenizer as a fast tokenizer."
        )
    try:
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    except Exception as error:  # the library raises plain Exception for a file it cannot parse
        raise BadInput(
            f"Base {str(base)!r}: tokenizer.json cannot be read ({error}). Fetch the model again."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return np.array([len(found) for found in tokenizer.encode_batch(list(texts))], np.int64)
