"""Was fine-tuning worth it? The rule, its words, its costs and its targets."""

import numpy as np
import pytest

from storage.records import Method, Metric, Target
from trainer.evaluate.compare import PairedDifference, paired_difference
from trainer.evaluate.costs import (
    NO_PRICE,
    Prices,
    Time,
    break_even_requests,
    cost_metrics,
    total_cost,
)
from trainer.evaluate.predictions import Predictions
from trainer.evaluate.targets import read_target
from trainer.evaluate.worth import Way, judge


def _way(name, method, cost, value=0.9):
    return Way(
        run_id=name,
        name=name,
        method=method,
        base="",
        primary=Metric(name="macro_f1", split="test", value=value, n=500),
        cost=cost,
        cost_per_1000=cost,
        latency_p95_ms=cost,
        machine_seconds=cost or 1.0,
    )


def _fixed(value, half, n=500):
    """Every dearer arm differs from every cheaper one by the same amount."""

    def compare(one, other):
        sign = 1 if one == "lora" else -1 if other == "lora" else 0
        return PairedDifference(sign * value, sign * value - half, sign * value + half, 0.5, n, "")

    return compare


ARMS = [_way("tfidf", Method.TFIDF, 1.0), _way("lora", Method.LORA, 40.0)]


@pytest.mark.parametrize(
    ("value", "half", "verdict", "recommended"),
    [
        (0.05, 0.02, "worth_it", "lora"),
        (0.015, 0.005, "tie", "tfidf"),
        (0.03, 0.05, "tie", "tfidf"),
        (0.0, 0.01, "tie", "tfidf"),
        (-0.05, 0.02, "worse", "tfidf"),
    ],
    ids=["surely better", "better by too little", "not surely", "surely not", "surely worse"],
)
def test_the_verdict(value, half, verdict, recommended):
    found = judge(ARMS, _fixed(value, half), "macro_f1", 0.02)
    assert (found.verdict, found.recommended) == (verdict, recommended)
    assert found.tuned == "lora"
    assert found.cost_multiple == pytest.approx(40)


def test_what_rows_do_not_settle_names_how_many_more_would():
    found = judge(ARMS, _fixed(0.01, 0.0196, n=500), "macro_f1", 0.02)
    # SE = 0.01, detectable = 0.028, so (0.028/0.02)² times the rows are needed.
    assert found.more_rows == pytest.approx(500 * (0.028016 / 0.02) ** 2 - 500, abs=2)
    assert f"{found.more_rows:,} more test rows" in found.sentence


def test_what_is_ruled_out_asks_for_no_more_rows():
    found = judge(ARMS, _fixed(0.0, 0.01), "macro_f1", 0.02)
    assert found.more_rows is None
    assert "rules out" in found.sentence


def test_a_fine_tuned_arm_that_is_cheaper_and_as_good_is_kept():
    arms = [_way("embedding", Method.EMBEDDING, 50.0), _way("lora", Method.LORA, 40.0)]
    assert judge(arms, _fixed(0.0, 0.01), "macro_f1", 0.02).recommended == "lora"


@pytest.mark.parametrize("arms", [ARMS[:1], ARMS[1:], []], ids=["no tuned", "only tuned", "none"])
def test_nothing_to_compare_is_no_evidence_that_tuning_is_needed(arms):
    found = judge(arms, _fixed(0.1, 0.01), "macro_f1", 0.02)
    assert found.verdict == "not_compared"
    assert found.recommended == ""
    if arms == ARMS[1:]:
        assert "no evidence that fine-tuning is needed" in found.sentence


def test_without_prices_machine_time_orders_and_the_sentence_says_so():
    arms = [_way("tfidf", Method.TFIDF, None), _way("lora", Method.LORA, None)]
    assert "no prices are set" in judge(arms, _fixed(0.05, 0.02), "macro_f1", 0.02).sentence


def test_an_interval_allows_for_every_arm():
    """Surely better than one arm alone, not after correction for five."""
    more = [_way(f"x{i}", Method.EXTERNAL, 2.0 + i) for i in range(4)]
    assert judge(ARMS, _fixed(0.03, 0.028), "macro_f1", 0.02).verdict == "worth_it"
    assert judge([*ARMS, *more], _fixed(0.03, 0.028), "macro_f1", 0.02).verdict == "tie"


def test_equal_arms_are_hardly_ever_called_worth_it():
    random, said, times = np.random.default_rng(0), 0, 300
    for _ in range(times):
        gold = random.integers(0, 2, 300)
        runs = {
            name: Predictions(
                ("a", "b"),
                gold,
                np.eye(2)[np.where(random.random(300) < 0.85, gold, 1 - gold)] * 0.8 + 0.1,
            )
            for name in ("tfidf", "lora")
        }

        def compare(one, other, runs=runs):
            return paired_difference(runs[one], runs[other], "accuracy")

        said += judge(ARMS, compare, "accuracy", 0.02).verdict == "worth_it"
    assert said / times <= 0.045  # 0.025 and its chance over 300 draws


def _apart(values, half=0.01, n=500):
    """Arms that differ by the difference of their values."""

    def compare(one, other):
        value = values[one] - values[other]
        return PairedDifference(value, value - half, value + half, 0.5, n, "")

    return compare


THREE = [*ARMS, _way("embedding", Method.EMBEDDING, 2.0)]


def test_beating_the_cheapest_is_not_enough_where_another_cheap_way_is_as_good():
    values = {"tfidf": 0.85, "embedding": 0.868, "lora": 0.875}
    found = judge(THREE, _apart(values), "accuracy", 0.02)
    assert (found.verdict, found.recommended) == ("tie", "embedding")


def test_the_gain_is_told_against_the_best_of_the_cheaper_ways():
    values = {"tfidf": 0.85, "embedding": 0.86, "lora": 0.91}
    ways = [_way(w.run_id, w.method, w.cost, values[w.run_id]) for w in THREE]
    found = judge(ways, _apart(values), "accuracy", 0.02)
    assert (found.verdict, found.recommended) == ("worth_it", "lora")
    assert "+5.0 points" in found.sentence
    assert "against embedding, the best other way, at 20 times the cost" in found.sentence


def test_luck_over_one_cheap_way_does_not_make_tuning_worth_it():
    """LoRA is no better than embeddings; both are better than tf-idf."""
    random, said, times, n = np.random.default_rng(0), 0, 150, 1000
    for _ in range(times):
        gold, runs = random.integers(0, 2, n), {}
        for name, share in (("tfidf", 0.85), ("embedding", 0.88), ("lora", 0.88)):
            answered = np.where(random.random(n) < share, gold, 1 - gold)
            runs[name] = Predictions(("a", "b"), gold, np.eye(2)[answered] * 0.8 + 0.1)

        def compare(one, other, runs=runs):
            return paired_difference(runs[one], runs[other], "accuracy")

        said += judge(THREE, compare, "accuracy", 0.02).verdict == "worth_it"
    assert said / times <= 0.06  # 0.025 and its chance over 150 draws; it was 0.1 to 0.2 by steps


def test_a_real_gain_of_doubtful_size_asks_for_the_rows_that_would_settle_it():
    found = judge(ARMS, _fixed(0.015, 0.0125, n=2000), "macro_f1", 0.02)
    # The rows find 2 points already; to rule them out the half width must shrink to 0.5 points.
    assert found.verdict == "tie"
    assert found.more_rows == pytest.approx(2000 * (0.0125 / 0.005) ** 2 - 2000, abs=2)


class TestCosts:
    PRICES = Prices({"cpu": 0.06, "cuda": None}, monthly_requests=10_000)

    def test_a_run_and_a_thousand_answers_cost_their_time(self):
        run, answers = cost_metrics(Time("cpu", 1800, 30.0, 200), self.PRICES)
        assert run.value == pytest.approx(0.03)
        assert answers.value == pytest.approx(1000 * 0.030 * 0.06 / 3600)
        assert total_cost(run.value, answers.value, 10_000) == pytest.approx(0.03 + 0.005)

    def test_without_a_price_nothing_is_made_up(self):
        for metric in cost_metrics(Time("cuda", 10, 1.0, 200), self.PRICES):
            assert (metric.value, metric.missing_because) == (None, NO_PRICE)
        assert total_cost(None, 1.0, 10) is None

    def test_answers_that_were_not_timed_have_no_cost(self):
        run, answers = cost_metrics(Time("cpu", 10, None), self.PRICES)
        assert run.value is not None
        assert answers.missing_because == "answers were not timed"

    def test_a_dearer_training_pays_for_itself_or_never(self):
        assert break_even_requests(3.0, 0.5) == 6000
        assert break_even_requests(3.0, 0.0) is None


@pytest.mark.parametrize(
    ("name", "low", "value", "high", "colour"),
    [
        ("macro_f1", 0.91, 0.93, 0.95, "green"),
        ("macro_f1", 0.88, 0.93, 0.95, "amber"),
        ("macro_f1", 0.70, 0.75, 0.79, "red"),
        ("macro_f1", 0.75, 0.79, 0.82, "amber"),
        ("latency_p95_ms", 100, 150, 190, "green"),
        ("latency_p95_ms", 310, 350, 400, "red"),
        ("latency_p95_ms", 250, 350, 400, "amber"),
    ],
)
def test_a_target_is_read_by_the_whole_interval(name, low, value, high, colour):
    less = name.startswith("latency")
    target = Target(green=200, red=300) if less else Target(green=0.9, red=0.8)
    metric = Metric(name=name, split="run", value=value, low=low, high=high, n=10)
    assert read_target(name, target, metric).colour == colour


def test_a_target_without_a_number_is_not_measured():
    found = read_target("macro_f1", Target(green=0.9, red=0.8), None)
    assert (found.colour, found.value) == ("not_measured", None)
