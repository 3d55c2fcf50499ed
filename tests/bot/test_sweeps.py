"""A sweep: real runs, chosen on validation, none twice."""

import json
from pathlib import Path

import pytest

from bot.actions import Actions
from bot.hosts.inspection import inspect_task
from bot.settings import Settings, os_user
from bot.sweeps import sweep
from storage import tasks
from storage.errors import BadInput
from storage.home import Home
from storage.ledger import Ledger
from storage.people import PersonEntry
from storage.records import DataSource, Role, RunState, Task


@pytest.fixture
def place(tmp_path: Path, ledger: Ledger, home: Home) -> Actions:
    rows = [{"text": f"{'a' * (i % 2 + 1)} {i % 9}", "label": "ny"[i % 2]} for i in range(400)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    task = Task(name="said", data=DataSource(file=str(path)))
    tasks.add_task(ledger, task, inspect_task(task), "", "me")
    me = PersonEntry(roles=(Role.LAUNCHER,), os=os_user())
    return Actions(ledger, home, Settings(people={"me": me}))


@pytest.fixture(name="base")
def base_fixture(tmp_path: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {"<unk>": 0, "</s>": 1} | {word: n for n, word in enumerate(["a", "aa", *"0123"], 2)}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path / "base"
    PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=32,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.engine
def test_trials_are_runs_and_the_same_words_again_go_on(place: Actions, base: Path) -> None:
    words = ["task=said", "method=lora", f"base={base}", "epochs=1"]
    reply = sweep(place, [*words, "trials=2"])
    runs = place.ledger.runs()
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 2
    assert {trial["run"] for trial in reply.data["trials"]} == {run.id for run in runs}
    first, second = reply.data["trials"]
    assert second["lr"] / 3 <= first["lr"] <= second["lr"] * 3
    assert reply.data["best"] in {run.id for run in runs}
    assert "2 trials, chosen on validation" in reply.text
    again = sweep(place, [*words, "trials=2"])
    assert again.data == reply.data
    assert len(place.ledger.runs()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task=said", "method=tfidf"], "tfidf is not"),
        (["task=said", "method=majority", "trials=1"], "2 to 100 trials"),
        (["task=said", "method=tfidf", "trials=many"], "are numbers"),
        (["task=said", "method=tfidf", "minutes=0"], "more than 0 minutes"),
    ],
)
def test_what_cannot_be_swept_is_said(place: Actions, words: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sweep(place, words)


def test_what_a_sweep_chooses_is_not_given(place: Actions, base: Path) -> None:
    with pytest.raises(BadInput, match="chooses lr itself"):
        sweep(place, ["task=said", "method=lora", f"base={base}", "lr=0.1"])
