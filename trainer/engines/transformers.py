"""Plain transformers and PEFT: the default engine, on a CPU or a GPU."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from storage.errors import BadInput
from storage.records import BaseRef
from trainer.data.tokens import base_config
from trainer.engines.protocol import Device, Order, Prepared
from trainer.engines.recipe import is_decoder

HEADS = ("classifier", "score")
"""Heads that PEFT 0.21 saves by itself for sequence classification, and keeps LoRA out of."""
NEW_MODULES_LIMIT = 12


class TransformersEngine:
    """LoRA on every linear layer, or a whole model; a classification head is trained in full."""

    name = "transformers"

    def start(self) -> None:
        pass

    def prepare(self, order: Order) -> Prepared:
        import torch

        torch.manual_seed(order.seed)
        if order.labels is not None:
            model, fresh = load_base(order.folder, order.labels, order.pad_id)
        else:
            quantised = order.adaptation == "qlora"
            kind = "float32" if order.adaptation == "full" else None
            model, fresh = load_causal(order.folder, order.device, kind, quantised), ()
        if order.adaptation in {"lora", "qlora"}:
            model = _with_lora(model, order, fresh)
        elif order.adaptation == "frozen":
            model.requires_grad_(False)
            for name in fresh:
                model.get_submodule(name).requires_grad_(True)
        if order.adaptation != "qlora":
            model.to(order.device)
        return Prepared(model, compute_dtype(order.device))


def _with_lora(model: Any, order: Order, fresh: tuple[str, ...]) -> Any:
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM if order.labels is None else TaskType.SEQ_CLS,
        r=order.recipe.rank,
        lora_alpha=order.recipe.alpha,
        lora_dropout=order.recipe.dropout,
        target_modules="all-linear",
        exclude_modules=list(fresh) or None,
        modules_to_save=list(fresh) or None,
    )
    peft = get_peft_model(model, config)
    name_base(peft, order.base, order.folder)
    if order.parent is not None:
        take_over(peft, order.parent)
    return peft


def take_over(model: Any, adapter: Path) -> None:
    """Begin with the LoRA weights of another adapter; a head stays as it is.

    Raises:
        BadInput: They do not fit: another base, or another rank.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(adapter / "adapter_model.safetensors")
    lora = {name: value for name, value in weights.items() if "lora_" in name}
    try:
        done = set_peft_model_state_dict(model, lora)
    except RuntimeError as error:
        raise BadInput(
            f"The adapter of the run in `from` does not fit: {str(error).splitlines()[-1].strip()} "
            "Use the same base and rank."
        ) from error
    if done.unexpected_keys:
        raise BadInput(
            f"The adapter of the run in `from` has {len(done.unexpected_keys)} parts that this "
            f"base has not, such as {done.unexpected_keys[0]!r}. Use the same base."
        )


def load_causal(
    folder: Path, device: Device, dtype: str | None = None, quantised: bool = False
) -> Any:
    """A causal language model on its device: float32 on a CPU, else half precision or 4 bits.

    Raises:
        BadInput: The base is none, or 4 bits were asked for where they cannot be had.
    """
    from transformers import AutoModelForCausalLM, logging

    quiet(logging)
    if not is_decoder(base_config(folder)):
        raise BadInput(
            f"Base {str(folder)!r} reads both ways (BERT-type) and cannot write answers. Choose a "
            "Llama-type base, or another method: embedding, or lora with a head."
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype or compute_dtype(device),
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            **(_four_bits(device) if quantised else {}),
        )
    except (ValueError, OSError) as error:
        raise BadInput(
            f"Base {str(folder)!r} cannot be loaded as a language model: "
            f"{str(error).splitlines()[0]} Choose a Llama-type base."
        ) from error
    return model if quantised else model.to(device)


def _four_bits(device: Device) -> dict[str, Any]:
    from importlib.util import find_spec

    if device != "cuda" or find_spec("bitsandbytes") is None:
        found = "this run computes on the CPU" if device != "cuda" else "bitsandbytes is missing"
        raise BadInput(
            f"method=qlora keeps the base in 4 bits, which needs a CUDA GPU and bitsandbytes, but "
            f"{found}. Use method=lora, or send the run to a GPU host (extra `gpu`)."
        )
    import torch
    from transformers import BitsAndBytesConfig

    return {
        "device_map": {"": torch.cuda.current_device()},
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
    }


def load_base(folder: Path, labels: tuple[str, ...], pad_id: int) -> tuple[Any, tuple[str, ...]]:
    """A base with a classification head, in float32, and its modules that the files do not hold.

    Those modules start from random numbers. They are trained in full and saved with the adapter:
    BERT files without a pooler would else be reloaded with another one.

    Raises:
        BadInput: The architecture has no classification head, or the weights do not fit it.
    """
    from transformers import AutoModelForSequenceClassification, logging

    quiet(logging)
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(
            folder,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: place for place, label in enumerate(labels)},
            dtype="float32",
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (ValueError, OSError) as error:
        raise BadInput(
            f"Base {str(folder)!r} cannot be loaded with a classification head: "
            f"{str(error).splitlines()[0]} Choose a BERT-type or Llama-type base."
        ) from error
    model.config.pad_token_id = pad_id
    mismatched = [entry[0] for entry in info["mismatched_keys"]]
    return model, _fresh_modules([*info["missing_keys"], *mismatched], folder)


def compute_dtype(device: Device) -> str:
    """bfloat16 on a GPU that has it; weights that are trained stay float32 in any case."""
    import torch

    return "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def name_base(model: Any, base: BaseRef, folder: Path) -> None:
    """Write into the adapter's config where its base is, not where the hub's cache had it."""
    config = model.peft_config["default"]
    config.base_model_name_or_path = base.hub or str(folder)
    config.revision = base.revision


def quiet(logging: Any) -> None:
    """No notices of weights that are new on purpose, no bars in a log file."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _fresh_modules(keys: Iterable[str], folder: Path) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for key in keys:
        module = key.rpartition(".")[0]
        top = key.partition(".")[0]
        found[top if top in HEADS else module] = None
    if len(found) > NEW_MODULES_LIMIT:
        raise BadInput(
            f"Base {str(folder)!r}: {len(found)} parts of the model are not in its weight files "
            f"({', '.join(list(found)[:3])} …). The files do not belong to its config.json; fetch "
            "the model again."
        )
    return tuple(found)
