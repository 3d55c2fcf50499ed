"""Unsloth against plain TRL + PEFT on one GPU: tokens a second and peak memory, one table.

    python -m benchmarks.gpu [--quick] [--out docs/gpu.md]

Each case is a process of its own: LoRA in bfloat16 and QLoRA in 4 bits, at the shapes of a Llama of
1 and of 8 billion parameters with random weights (no hub is needed), 2,048 and 8,192 tokens a row.
Both sides train the same number of steps on the same random tokens with LoRA of rank 16 on all
linear layers; the first steps (compilation) are not timed. A case that fails says so in its row.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VOCABULARY = 32_000
SHAPES = {
    "1B": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "8B": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "tiny": {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
}
TOKENS_A_STEP = 16_384
WARM_UP, STEPS = 4, 10
CASE_TIMEOUT_S = 150
PACKAGES = ("torch", "transformers", "peft", "trl", "unsloth", "unsloth_zoo", "bitsandbytes")


@dataclass(frozen=True, slots=True)
class Case:
    """One training to be timed."""

    side: str
    shape: str
    adapter: str
    context: int

    @property
    def name(self) -> str:
        return f"{self.shape} {self.adapter} {self.context} {self.side}"


def cases(shapes: Sequence[str]) -> list[Case]:
    return [
        Case(side, shape, adapter, context)
        for shape in shapes
        for adapter in ("lora", "qlora")
        for context in (2048, 8192)
        for side in ("plain", "unsloth")
    ]


def make_base(shape: str, folder: Path) -> Path:
    """A Llama of this shape with random weights, saved once."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    target = folder / shape
    if (target / "config.json").exists():
        return target
    config = LlamaConfig(
        **SHAPES[shape],
        vocab_size=VOCABULARY,
        max_position_embeddings=8192,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(target)
    _save_tokenizer(target)
    return target


def _save_tokenizer(target: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    words |= {f"w{n}": n for n in range(4, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(target)


def train(case: Case, base: Path, steps: int, warm_up: int) -> dict[str, Any]:
    """One case, in this process: Unsloth is imported before everything that it patches."""
    model = _unsloth(case, base) if case.side == "unsloth" else _plain(case, base)
    import torch
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    on_gpu = torch.cuda.is_available()
    generator = torch.Generator().manual_seed(0)
    rows = max(1, TOKENS_A_STEP // case.context)
    count = rows * (steps + warm_up)
    ids = torch.randint(4, VOCABULARY, (count, case.context), generator=generator).tolist()
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if on_gpu:
                torch.cuda.synchronize()
            times.append(time.perf_counter())
            if len(times) == warm_up and on_gpu:
                torch.cuda.reset_peak_memory_stats()

    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            per_device_train_batch_size=min(rows, 2),
            gradient_accumulation_steps=max(1, rows // 2),
            max_steps=steps + warm_up,
            learning_rate=1e-4,
            bf16=on_gpu,
            use_cpu=not on_gpu,
            gradient_checkpointing=on_gpu,
            max_length=case.context,
            packing=False,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            seed=0,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        from transformers import AutoTokenizer

        trainer = SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_dict({"input_ids": ids}),
            processing_class=AutoTokenizer.from_pretrained(base),
            callbacks=[Clock()],
        )
        trainer.train()
    seconds = times[-1] - times[warm_up - 1]
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return {
        "tokens_per_second": rows * case.context * (len(times) - warm_up) / seconds,
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None,
        "first_loss": float(losses[0]),
        "last_loss": float(losses[-1]),
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or "CPU",
    }


def _plain(case: Case, base: Path) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    given: dict[str, Any] = {"dtype": torch.bfloat16, "attn_implementation": "sdpa"}
    if torch.cuda.is_available():
        given["device_map"] = {"": 0}
    if case.adapter == "qlora":
        given["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    model = AutoModelForCausalLM.from_pretrained(base, **given)
    if case.adapter == "qlora":
        model = prepare_model_for_kbit_training(model)
    lora = LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def _unsloth(case: Case, base: Path) -> Any:
    os.environ["UNSLOTH_COMPILE_LOCATION"] = tempfile.mkdtemp(prefix="unsloth-")
    os.environ["UNSLOTH_DISABLE_STATISTICS"] = "1"
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        model_name=str(base),
        max_seq_length=case.context,
        dtype=None,
        load_in_4bit=case.adapter == "qlora",
        use_exact_model_name=True,
    )
    return FastLanguageModel.get_peft_model(
        model,
        r=16,
        lora_alpha=16,
        lora_dropout=0,
        target_modules=[
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        ],
        use_gradient_checkpointing="unsloth",
    )


def run(case: Case, base: Path, steps: int, warm_up: int) -> dict[str, Any]:
    """One case in a process of its own; what went wrong is its result."""
    words = [sys.executable, "-m", "benchmarks.gpu", "--case", json.dumps(asdict(case))]
    words += ["--base", str(base), "--steps", str(steps), "--warm-up", str(warm_up)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=CASE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took longer than {CASE_TIMEOUT_S} s"}
    lines = done.stdout.strip().splitlines()
    try:
        return dict(json.loads(lines[-1]))
    except (ValueError, IndexError):
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        return {"failed": (said or ["no output"])[-1][:200]}


def table(found: dict[Case, dict[str, Any]]) -> str:
    """The results as a Markdown page."""
    device = next((one["device"] for one in found.values() if "device" in one), "no result")
    lines = [
        "# On a GPU: Unsloth against plain TRL + PEFT",
        "",
        f"{date.today().isoformat()}, {device}. {_versions()}.",
        f"LoRA of rank 16 on all linear layers, {TOKENS_A_STEP:,} tokens a step, gradient",
        "checkpointing on both sides, SDPA, bfloat16; Llama shapes with random weights; the first",
        f"{WARM_UP} steps are not timed. Made by `python -m benchmarks.gpu`.",
        "",
        "| shape | adapter | context | plain tokens/s | Unsloth tokens/s | times | plain GB | "
        "Unsloth GB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes = []
    for case in (case for case in found if case.side == "plain"):
        other = Case("unsloth", case.shape, case.adapter, case.context)
        plain, fast = found[case], found.get(other, {"failed": "not run"})
        speeds = [one.get("tokens_per_second") for one in (plain, fast)]
        memory = [one.get("peak_memory_gb") for one in (plain, fast)]
        times = f"{speeds[1] / speeds[0]:.2f}" if all(speeds) else "–"
        cells = [case.shape, case.adapter, f"{case.context:,}"]
        cells += [f"{value:,.0f}" if value else "failed" for value in speeds] + [times]
        cells += [f"{value:.1f}" if value else "–" for value in memory]
        lines.append(f"| {' | '.join(cells)} |")
        for name, one in ((case.name, plain), (other.name, fast)):
            if "failed" in one:
                notes.append(f"- {name}: {one['failed']}")
            else:
                notes.append(f"- {name}: loss {one['first_loss']:.3f} to {one['last_loss']:.3f}")
    return "\n".join([*lines, "", *notes, ""])


def _versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny shape, two steps: a dry run")
    parser.add_argument("--out", type=Path, help="write the table here, too")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case = Case(**json.loads(options.case))
        print(json.dumps(train(case, options.base, options.steps, options.warm_up)))
        return
    steps, warm_up = (2, 1) if options.quick else (STEPS, WARM_UP)
    shapes = ["tiny"] if options.quick else ["1B", "8B"]
    found: dict[Case, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(shapes):
            found[case] = run(case, make_base(case.shape, Path(folder)), steps, warm_up)
            print(case.name, found[case], flush=True)
    text = table(found)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
