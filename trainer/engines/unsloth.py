"""Unsloth: faster kernels on a CUDA GPU; for a head only when the spec asks for it.

Written after its source (2026.10.7): it must be imported before transformers and peft; it loads in
4 bits and swaps the base for another repository unless told not to; its compiled code goes to the
current folder; online it counts its users. The saved adapter is plain PEFT and is reloaded so.
"""

import os
import tempfile

from storage.errors import BadInput
from trainer.engines.preflight import unsloth_environment
from trainer.engines.protocol import Order, Prepared

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class UnslothEngine:
    """`FastLanguageModel`, with or without a classification head."""

    name = "unsloth"

    def start(self) -> None:
        os.environ.update(unsloth_environment(tempfile.mkdtemp(prefix="unsloth-")))
        import unsloth  # noqa: F401 - it patches what is imported after it

    def prepare(self, order: Order) -> Prepared:
        import torch
        from unsloth import FastLanguageModel

        torch.manual_seed(order.seed)
        four_bits, whole = order.adaptation == "qlora", order.adaptation == "full"
        try:
            model, _ = FastLanguageModel.from_pretrained(
                model_name=str(order.folder),
                max_seq_length=order.recipe.max_tokens,
                dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16,
                load_in_4bit=four_bits,
                load_in_16bit=not four_bits and not whole,
                full_finetuning=whole,
                use_exact_model_name=True,
                trust_remote_code=False,
                use_gradient_checkpointing=False,
                random_state=order.seed,
                **_head(order.labels),
            )
        except (ValueError, NotImplementedError, OSError) as error:
            raise BadInput(
                f"Unsloth cannot load base {order.base.name!r}: {str(error).splitlines()[0]} "
                "Use engine=transformers."
            ) from error
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        if order.labels is not None:
            model.config.pad_token_id = order.pad_id
        if whole:
            return Prepared(model, dtype)
        model = FastLanguageModel.get_peft_model(
            model,
            r=order.recipe.rank,
            target_modules=TARGETS,
            lora_alpha=order.recipe.alpha,
            lora_dropout=order.recipe.dropout,
            bias="none",
            use_gradient_checkpointing=False,
            random_state=order.seed,
        )
        from trainer.engines.transformers import name_base, take_over

        name_base(model, order.base, order.folder)
        if order.parent is not None:
            take_over(model, order.parent)
        return Prepared(model, dtype)


def _head(labels: tuple[str, ...] | None) -> dict[str, object]:
    if labels is None:
        return {}
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: place for place, label in enumerate(labels)},
    }
