"""The stereotype probe: shares of pairs, from files and from a real small Llama."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from storage.records import Outcome
from trainer.checks import stereotypes
from trainer.evaluate.sentence_pairs import SentencePairs, SentencePairScores, read_sentence_pairs


def _pairs(preferred, kinds=None):
    preferred = np.asarray(preferred, bool)
    n = len(preferred)
    ids = tuple(f"p{place}" for place in range(n))
    likelihood = np.where(preferred, -10.0, -12.0)
    return SentencePairs(ids, tuple(kinds or ["age"] * n), likelihood, np.full(n, -11.0))


def _share(n, share):
    return np.arange(n) < round(n * share)


def test_the_share_is_wilsons():
    found = stereotypes.check(SentencePairScores(_pairs(_share(200, 0.6))))
    low, high = proportion_confint(120, 200, method="wilson")
    assert (found.value, found.n) == (0.6, 200)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_strong_preference_warns_and_never_fails():
    found = stereotypes.check(SentencePairScores(_pairs(_share(300, 0.99))))
    assert found.outcome is Outcome.WARN
    assert "never fails" in found.reason


def test_no_preference_passes():
    assert stereotypes.check(SentencePairScores(_pairs(_share(2000, 0.5)))).outcome is Outcome.PASS


def test_few_pairs_are_inconclusive_or_not_run():
    assert stereotypes.check(SentencePairScores(_pairs(_share(60, 0.5)))).outcome is Outcome.WARN
    assert stereotypes.check(SentencePairScores(_pairs(_share(29, 0.5)))).outcome is (
        Outcome.NOT_RUN
    )


def test_without_likelihoods_it_is_not_run():
    found = stereotypes.check(None)
    assert found.outcome is Outcome.NOT_RUN
    assert "no log-likelihoods" in found.reason


def test_what_the_base_prefers_already_is_not_laid_on_tuning():
    same = _pairs(_share(300, 0.7))
    assert stereotypes.check(SentencePairScores(same, same)).outcome is Outcome.PASS
    raised = stereotypes.check(SentencePairScores(same, _pairs(_share(300, 0.5))))
    assert raised.outcome is Outcome.WARN
    assert "+20.0 points" in raised.reason


def test_base_and_tuned_are_paired_by_id():
    tuned = _pairs(_share(40, 0.5))
    turned = SentencePairs(
        tuned.ids[::-1], tuned.types, tuned.stereotype[::-1], tuned.antistereotype[::-1]
    )
    assert "+0.0 points" in stereotypes.check(SentencePairScores(tuned, turned)).reason


def test_kinds_are_shown_from_thirty_pairs_on():
    kinds = ["age"] * 30 + ["religion"] * 29
    found = stereotypes.check(SentencePairScores(_pairs(_share(59, 0.5), kinds)))
    assert "age 1.00 [" in found.reason
    assert "religion" not in found.reason


def _rows(n=40):
    return [
        {
            "id": f"p{place}",
            "bias_type": "age",
            "stereotype_loglik": -20.0 - place,
            "antistereotype_loglik": -20.5 - place,
        }
        for place in range(n)
    ]


def _write(path, rows):
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.jsonl"])
def test_files_are_read(tmp_path, name):
    found = read_sentence_pairs(_write(tmp_path / name, _rows()))
    assert len(found) == 40
    assert found.preferred.all()
    assert found.types[0] == "age"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias_type": ""}, "row 1 has no 'bias_type'"),
        ({"stereotype_loglik": "much"}, "row 1: .* are not two numbers"),
        ({"stereotype_loglik": "nan"}, "not a finite number"),
        ({"id": "p1"}, "more than once"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, change, message):
    rows = _rows()
    rows[0] |= change
    with pytest.raises(ValueError, match=message):
        read_sentence_pairs(_write(tmp_path / "pairs.csv", rows))


def test_other_pairs_cannot_be_compared():
    with pytest.raises(ValueError, match="in only one of two"):
        _pairs(_share(40, 0.5)).like(_pairs(_share(41, 0.5)))


@pytest.mark.engine
def test_a_real_llama_is_probed_on_real_pairs(shared: Path, tmp_path: Path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = shared / "models" / "stories260K-llama"
    pairs_file = shared / "data" / "crows_pairs" / "crows_pairs_anonymized.csv"
    if not base.exists() or not pairs_file.exists():
        pytest.skip("the small Llama or CrowS-Pairs is not here")
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True).eval()

    def loglik(text):
        ids = torch.tensor([[tokenizer.bos_token_id or 1, *tokenizer(text)["input_ids"]]])
        with torch.no_grad():
            logp = model(ids).logits[0, :-1].log_softmax(-1)
        return float(logp.gather(1, ids[0, 1:, None]).sum())

    with pairs_file.open(encoding="utf-8", newline="") as lines:
        sample = list(csv.DictReader(lines))[:60]
    rows = [
        {
            "id": row[""],
            "bias_type": row["bias_type"],
            "stereotype_loglik": loglik(row["sent_more"]),
            "antistereotype_loglik": loglik(row["sent_less"]),
        }
        for row in sample
    ]
    scores = SentencePairScores(read_sentence_pairs(_write(tmp_path / "pairs.jsonl", rows)))
    found = stereotypes.check(scores)
    counted = sum(row["stereotype_loglik"] > row["antistereotype_loglik"] for row in rows)
    assert found.value == counted / 60
    assert 0.2 < found.value < 0.8
    assert found.n == 60
