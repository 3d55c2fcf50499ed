"""Small real things for the trainer's tests: rows with a signal, a tiny BERT and a tiny Llama.

The models have random weights and a tokenizer trained on the rows; they are made once per session.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.records import BaseRef, DataSource, Method, RunSpec, Task, Training
from storage.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
WORDS = {
    "refund": ("money back", "refund please", "return the sum"),
    "login": ("password lost", "cannot sign in", "account locked"),
    "delivery": ("parcel late", "where is my order", "courier never came"),
}
THINGS = ("lamp", "desk", "chair", "kettle", "shoes", "phone", "book", "bike", "sofa", "clock")
REGIONS = ("north", "south")

Row = dict[str, str]


def make_rows(count: int, seed: int = 0) -> list[Row]:
    """Rows whose label follows from a phrase in the text; texts differ by a number."""
    rng = random.Random(seed)
    labels = sorted(WORDS)
    rows = []
    for number in range(count):
        label = labels[number % len(labels)]
        text = f"{rng.choice(WORDS[label])} {rng.choice(THINGS)} {rng.choice(THINGS)} {number}"
        rows.append({"text": text, "label": label, "region": rng.choice(REGIONS)})
    rng.shuffle(rows)
    return rows


def write_jsonl(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Three labels in 360 rows of one file."""
    path = write_jsonl(tmp_path / "rows.jsonl", make_rows(360))
    return Task(name="tickets", data=DataSource(file=str(path)))


@dataclass(frozen=True, slots=True)
class Made:
    """A run folder ready to be trained from, and how."""

    folder: RunFolder

    def command(self, attempt: int = 1) -> list[str]:
        return [sys.executable, "-m", "trainer", "run", str(self.folder.path), str(attempt)]

    def start(self, attempt: int = 1) -> "subprocess.Popen[str]":
        self.folder.attempt(attempt).mkdir(exist_ok=True)
        return subprocess.Popen(
            self.command(attempt),
            cwd=ROOT,
            env=os.environ | {"TUNEBOARD_THREADS": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, attempt: int = 1) -> "subprocess.CompletedProcess[str]":
        process = self.start(attempt)
        out, log = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, log)

    def wait_for_step(self, step: int, attempt: int = 1) -> None:
        """Until an event says that this step is done."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            found = self.folder.events(attempt).events
            if any((event.step or 0) >= step for event in found):
                return
            time.sleep(0.02)
        raise AssertionError(f"step {step} was never reached")

    def wait_for_checkpoint(self) -> None:
        until = time.monotonic() + 120
        while not list(self.folder.checkpoints.glob("step-*")):
            assert time.monotonic() < until, "no checkpoint was written"
            time.sleep(0.02)


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> int:
    """Send a signal and wait; the return code."""
    process.send_signal(number)
    process.communicate(timeout=120)
    return process.returncode


@contextmanager
def small_disk(tmp_path: Path, megabytes: int) -> Iterator[Path]:
    """A disk of so many megabytes, in memory; the test is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root and a kernel that lets it")
    yield place
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


Maker = Callable[..., Made]


@pytest.fixture
def make_run(tmp_path: Path) -> Maker:
    """Makes a run folder: `make_run(task, Method.TFIDF, base=…, epochs=…)`."""

    def make(
        task: Task,
        method: Method,
        base: Path | None = None,
        name: str = "r1",
        seed: int = 1,
        dataset_digest: str | None = None,
        **training: float,
    ) -> Made:
        spec = RunSpec(
            task=task,
            method=method,
            base=BaseRef(name="tiny", path=str(base)) if base else None,
            seed=seed,
            dataset_digest=dataset_digest,
            training=Training.model_validate(training),
        )
        folder = RunFolder(tmp_path / "runs" / name)
        folder.create(spec)
        folder.attempt(1).mkdir()
        return Made(folder)

    return make


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, saved without a head and without a pooler."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    folder = tmp_path_factory.mktemp("bert")
    size = _save_tokenizer(folder, bert=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        pad_token_id=0,
        initializer_range=0.3,  # a random net that tells its inputs apart
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers, without a padding token, as most are."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("llama")
    size = _save_tokenizer(folder, bert=False)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=96,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _save_tokenizer(folder: Path, bert: bool) -> int:
    """Train a word tokenizer on the rows; the size of its vocabulary."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"] if bert else ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]" if bert else "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(vocab_size=400, special_tokens=special)
    tokenizer.train_from_iterator([row["text"] for row in make_rows(200)], trainer)
    single = "[CLS] $A [SEP]" if bert else "<s> $A"
    named = [(name, tokenizer.token_to_id(name)) for name in special[1:3]]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=named)
    names = (
        {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
        if bert
        else {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def shared_data() -> Path:
    """The folder with `data/` and `models/` of real things, or skip."""
    named = os.environ.get("TUNEBOARD_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("real data is not here: set TUNEBOARD_TEST_DATA to the folder that holds it")
    return folder


@pytest.fixture(name="shared")
def shared_fixture() -> Path:
    return shared_data()
