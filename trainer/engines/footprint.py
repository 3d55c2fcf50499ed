"""How much memory a training needs, before anything is loaded: an estimate, and what there is.

Weights, gradients and the optimiser's two moments are counted. Activations are estimated as 34
bytes a token, layer and unit of width in 16 bits and twice that in 32 (Korthikanti et al. 2022,
"Reducing activation recomputation in large transformer models", without attention scores, which are
not kept), logits as two copies in 32 bits. Loads no torch: a plan must not wait for it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from storage.errors import BadInput
from storage.records import BaseRef, MemoryNeed, Method, RunSpec
from trainer.data.tokens import base_config
from trainer.engines.bases import parameters_of

ACTIVATION_BYTES = 34
BYTES_OF_LEARNT = 16
"""Of a weight that learns: itself, its gradient and AdamW's two moments, in 32 bits."""
FOUR_BITS = 0.56
"""Bytes a weight in NF4 with its constants (4.5 bits, Dettmers et al. 2023, "QLoRA")."""
PROCESS = 700_000_000
"""A trainer with PyTorch and transformers loaded, before a model is."""
OTHER_BATCH = 32


def footprint(spec: RunSpec, folder: Path, tokens: int) -> MemoryNeed:
    """What a run needs on this host.

    Args:
        tokens: Of the longest row.

    Raises:
        BadInput: The folder is no model.
    """
    config = base_config(folder)
    available, device = _memory(spec.device)
    parameters = parameters_of(folder) or _by_config(config)
    half = device == "cuda"
    learnt = _learnt(spec, config, parameters)
    width, layers = _number(config, "hidden_size", 768), _number(config, "num_hidden_layers", 12)
    rows = (spec.training.batch_size or OTHER_BATCH) * tokens
    kept = ACTIVATION_BYTES * (1 if half else 2) * rows * width * layers
    logits = 8 * rows * _number(config, "vocab_size", 32_000) if _writes(spec) else 0
    trained = spec.method.is_trained
    return MemoryNeed(
        device=device,
        parameters=parameters,
        weights_bytes=int(parameters * _bytes_a_weight(spec, half)),
        learnt_bytes=BYTES_OF_LEARNT * learnt,
        working_bytes=PROCESS + int(kept + logits if trained else (kept + logits) / layers),
        available_bytes=available,
    )


def require_room(spec: RunSpec, base: BaseRef, folder: Path, tokens: int) -> None:
    """Refuse a training whose weights alone are larger than the memory, before it dies of it.

    Raises:
        BadInput: They are; says by how much.
    """
    need = footprint(spec, folder, tokens)
    if need.short_bytes(certain_only=True) > 0:
        raise BadInput(f"Base {base.name!r}: {need.in_words()}")


def _bytes_a_weight(spec: RunSpec, half: bool) -> float:
    if spec.method is Method.QLORA:
        return FOUR_BITS
    if spec.method is Method.FULL:
        return 0  # among what is learnt
    head = not spec.by_label_words and spec.method is not Method.EMBEDDING
    return 2 if half and (not head or _writes(spec)) else 4


def _writes(spec: RunSpec) -> bool:
    """Whether the base's own vocabulary is what is predicted."""
    return spec.by_label_words or spec.task.kind.value != "classification"


def _learnt(spec: RunSpec, config: Mapping[str, object], parameters: int) -> int:
    """How many weights learn."""
    if spec.method is Method.FULL:
        return parameters
    if spec.method not in {Method.LORA, Method.QLORA}:
        return 0
    rank = spec.training.rank or 16
    width, inner = _number(config, "hidden_size", 768), _inner(config)
    values = _values(config)
    per_layer = 2 * (width + width) + 2 * (width + values) + 3 * (width + inner)
    return rank * per_layer * _number(config, "num_hidden_layers", 12)


def _by_config(config: Mapping[str, object]) -> int:
    """Parameters of a decoder of this shape, where there are no weights to count."""
    width, inner = _number(config, "hidden_size", 768), _inner(config)
    layer = 2 * width * width + 2 * width * _values(config) + 3 * width * inner
    tables = 1 if config.get("tie_word_embeddings") else 2
    return layer * _number(config, "num_hidden_layers", 12) + tables * width * _number(
        config, "vocab_size", 32_000
    )


def _values(config: Mapping[str, object]) -> int:
    """Width of keys and values: smaller than the model's where heads share them."""
    heads = _number(config, "num_attention_heads", 12)
    shared = _number(config, "num_key_value_heads", heads)
    return _number(config, "hidden_size", 768) * shared // heads


def _inner(config: Mapping[str, object]) -> int:
    return _number(config, "intermediate_size", 4 * _number(config, "hidden_size", 768))


_OTHER_NAMES = {
    "hidden_size": ("n_embd", "d_model", "dim"),
    "num_hidden_layers": ("n_layer", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "intermediate_size": ("n_inner", "hidden_dim"),
}


def _number(config: Mapping[str, object], name: str, default: int) -> int:
    for key in (name, *_OTHER_NAMES.get(name, ())):
        if config.get(key):
            return int(str(config[key]))
    return default


def _memory(asked: str) -> tuple[int, str]:
    """Bytes that a run may use, of a GPU if there is one, else of the machine or its container."""
    if asked != "cpu" and (found := _gpu_memory()):
        return found, "cuda"
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            whole = min(whole, int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such container, or no limit ("max")
            continue
    return whole, "cpu"


def _gpu_memory() -> int | None:
    """Bytes of the smallest GPU, as the driver's own tool says; None where there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    words = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
        return min(int(line) for line in done.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
