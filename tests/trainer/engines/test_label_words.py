"""Likelihoods of answers: packed, plain and by hand."""

from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from trainer.engines.label_words import LabelScorer
from trainer.engines.transformers import load_causal
from trainer.stopping import Cancelled, StopRequest

ANSWERS = ((5, 6, 2), (5, 2), (7, 8, 9, 2), (11, 2))
PROMPTS = [[1, *range(10, 10 + length)] for length in (3, 17, 8, 30, 1, 17)]


@pytest.fixture(params=["llama", "gpt2", "qwen2", "gemma3_text", "mistral"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """A tiny random net of each family."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    }
    if request.param == "gpt2":
        sizes = {"vocab_size": 60, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    if request.param == "gemma3_text":
        sizes |= {"head_dim": 8, "sliding_window": 8}
    if request.param == "mistral":
        sizes |= {"sliding_window": 8}
    config = AutoConfig.for_model(request.param, **sizes, bos_token_id=1, eos_token_id=2)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    return load_causal(tmp_path, "cpu")


def by_hand(model: object, prompt: list[int], answer: tuple[int, ...]) -> float:
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0]  # type: ignore[operator]
    each = logits.log_softmax(dim=-1)
    return sum(float(each[len(prompt) - 1 + place, token]) for place, token in enumerate(answer))


def test_scores_are_sums_of_log_likelihoods_whatever_the_family(model: object) -> None:
    """A net whose kernels do not follow the mask is scored the plain way instead."""
    scorer, apart = LabelScorer(model, ANSWERS, 0, "cpu", "float32").checked(PROMPTS)
    found = scorer.scores(PROMPTS)
    expected = [[by_hand(model, prompt, answer) for answer in ANSWERS] for prompt in PROMPTS]
    assert np.abs(found - np.array(expected)).max() < 1e-4
    assert scorer.packed == (apart < 1e-3)


def test_packing_works_for_a_llama(tiny_llama: Path) -> None:
    scorer = LabelScorer(load_causal(tiny_llama, "cpu"), ANSWERS, 0, "cpu", "float32")
    checked, apart = scorer.checked(PROMPTS)
    assert checked.packed
    assert apart < 1e-4


def test_a_packed_score_that_is_off_is_not_trusted(tiny_llama: Path) -> None:
    class Deaf:
        """A model that pays no heed to the mask it is given."""

        def __init__(self, model: object) -> None:
            self.model = model
            self.config = model.config  # type: ignore[attr-defined]

        def eval(self) -> "Deaf":
            return self

        def __call__(self, **given: object) -> object:
            mask = given.get("attention_mask")
            if mask is not None and mask.dim() == 4:  # type: ignore[attr-defined]
                given.pop("attention_mask")
            return self.model(**given)  # type: ignore[operator]

    deaf = Deaf(load_causal(tiny_llama, "cpu"))
    checked, apart = LabelScorer(deaf, ANSWERS, 0, "cpu", "float32").checked(PROMPTS)
    assert not checked.packed
    assert apart > 1e-3
    whole = LabelScorer(deaf.model, ANSWERS, 0, "cpu", "float32", packed=False).scores(PROMPTS)
    assert np.abs(checked.scores(PROMPTS) - whole).max() < 1e-5


def test_all_answers_with_their_end_share_at_most_all_probability(tiny_llama: Path) -> None:
    scorer = LabelScorer(load_causal(tiny_llama, "cpu"), ANSWERS, 0, "cpu", "float32")
    assert (np.exp(scorer.scores(PROMPTS)).sum(axis=1) < 1).all()


def test_scoring_stops_when_asked(tiny_llama: Path) -> None:
    flag = Event()
    flag.set()
    stop = StopRequest(flag)
    scorer = LabelScorer(load_causal(tiny_llama, "cpu"), ANSWERS, 0, "cpu", "float32")
    with pytest.raises(Cancelled):
        replace(scorer, packed=True).scores(PROMPTS, stop)
