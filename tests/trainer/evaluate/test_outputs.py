"""Written answers judged: by hand, by other people's code, and as laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from storage.records import PRIMARY_METRICS, TaskKind
from trainer.evaluate import entities
from trainer.evaluate.compare import paired_difference
from trainer.evaluate.output_metrics import (
    BOUNDED,
    LOWER_IS_BETTER,
    METRICS,
    SHARES,
    measure_outputs,
    score,
)
from trainer.evaluate.outputs import (
    COLUMNS,
    Asked,
    Outputs,
    judge_extraction,
    judge_generation,
    judge_regression,
    number,
)
from trainer.evaluate.overlap import SIMILARITIES, best_of, chrf, exact_match, rouge_l, token_f1
from trainer.evaluate.standings import compare_all

TEXTS = st.text(alphabet="ab cdé.üA", max_size=30)


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "gold", "exact", "f1", "rouge"),
    [
        ("The cat sat.", "cat sat", 1, 1, 0.8),
        ("a cat", "the dog", 0, 0, 0),
        ("cat on mat", "cat on the mat", 1, 1, 6 / 7),
        ("mat on cat", "cat on mat", 0, 1, 1 / 3),
        ("", "", 1, 1, 1),
        ("", "x", 0, 0, 0),
        ("ÜBER größe", "über Größe", 1, 1, 1),
    ],
)
def test_texts_small_enough_for_paper(
    answer: str, gold: str, exact: float, f1: float, rouge: float
) -> None:
    assert exact_match(answer, gold) == exact
    assert token_f1(answer, gold) == pytest.approx(f1)
    assert rouge_l(answer, gold) == pytest.approx(rouge)


def test_chrf_of_a_pair_counted_by_hand() -> None:
    """`abc` and `abd`: 2 of 3 letters, 1 of 2 pairs, 0 of 1 triple; recall is the same."""
    mean = (2 / 3 + 1 / 2 + 0) / 3
    assert chrf("abc", "abd") == pytest.approx(mean)


@given(TEXTS, TEXTS)
def test_similarities_lie_between_0_and_1_and_are_1_for_the_same(one: str, other: str) -> None:
    for similarity in SIMILARITIES.values():
        assert 0 <= similarity(one, other) <= 1
        assert similarity(one, one) == pytest.approx(1)
        assert best_of(similarity, one, [other, one]) == pytest.approx(1)


def test_scripts_without_ascii_are_read() -> None:
    assert token_f1("你好 世界", "你好 世界") == 1


def test_answers_that_break_off_or_miss_the_form_are_not_valid() -> None:
    asked = [Asked("q", ("yes", "yeah"))] * 4
    columns = judge_generation(asked, ["yes", "yeah", "no", ""], [True, False, True, True], "")
    assert columns["exact_match"].tolist() == [1, 1, 0, 0]
    assert columns["valid"].tolist() == [1, 0, 1, 0]
    strict = judge_generation(asked, ["yes", "yeah", "no", ""], [True] * 4, "yes|no")
    assert strict["valid"].tolist() == [1, 0, 1, 0]


# --- entities ------------------------------------------------------------------------------------


def test_entities_are_held_against_each_other_strictly() -> None:
    text = "Ann met Bob Ray in Rome and Rome"
    gold = "person: Ann\nperson: Bob Ray\nplace: Rome\nplace: Rome"
    said = "person: ann\nperson: Bob\nplace: Rome\nplace: Oslo\nnonsense"
    found = entities.compare(said, gold, text)
    assert (found.hits, found.named, found.gold, found.invented) == (2, 4, 4, 1)
    assert not found.valid
    assert entities.compare("none", "none", text).valid
    assert entities.compare("", gold, text).valid is False


@given(
    st.lists(st.tuples(st.sampled_from(["person", "place"]), st.sampled_from("abc")), max_size=5)
)
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]]) -> None:
    assert entities.read(entities.written(pairs)) == (pairs, True)


def test_entity_f1_is_the_micro_f1_by_hand() -> None:
    asked = [Asked("a b", ("x: a\nx: b",)), Asked("c", ("none",)), Asked("d", ("x: d",))]
    columns = judge_extraction(asked, ["x: a", "x: c", "x: d"], [True] * 3)
    found = {
        m.name: m.value for m in measure_outputs(Outputs(TaskKind.EXTRACTION, columns), "test")
    }
    assert found["entity_precision"] == pytest.approx(2 / 3)
    assert found["entity_recall"] == pytest.approx(2 / 3)
    assert found["entity_f1"] == pytest.approx(2 / 3)
    assert found["invented_rate"] == 0


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        (" -2.5 of 4", -2.5),
        ("1,234.5", 1234.5),
        ("0,5", 0.5),
        ("12,345", 12345),
        ("1e3", 1000),
        ("about 3", None),
        ("", None),
        ("1e999", None),
    ],
)
def test_numbers_are_read_from_the_beginning_of_an_answer(text: str, value: float | None) -> None:
    assert number(text) == value


def test_numbers_agree_with_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=300)
    said = truth + rng.normal(size=300)
    asked = [Asked("", (repr(float(one)),)) for one in truth]
    texts = [repr(float(one)) for one in said]
    columns = judge_regression(asked, texts, float(truth.min()), float(truth.max()))
    said = columns["answer"]
    found = {m.name: m for m in measure_outputs(Outputs(TaskKind.REGRESSION, columns), "test")}
    expected = {
        "mae": reference.mean_absolute_error(truth, said),
        "rmse": reference.root_mean_squared_error(truth, said),
        "r2": reference.r2_score(truth, said),
        "spearman": stats.spearmanr(truth, said).statistic,
    }
    for name, value in expected.items():
        metric = found[name]
        assert metric.value == pytest.approx(value, abs=1e-12)
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low < metric.value < metric.high


def test_what_is_no_number_is_charged_the_further_end_of_the_range() -> None:
    asked = [Asked("", (truth,)) for truth in ("1", "9", "5")]
    columns = judge_regression(asked, ["?", "1e6", "5"], 0, 10)
    assert columns["error"].tolist() == [9, -9, 0]
    assert columns["valid"].tolist() == [0, 0, 1]


# --- every metric --------------------------------------------------------------------------------


def drawn(kind: TaskKind, n: int, seed: int, skill: float = 0.6) -> Outputs:
    """Outputs as a model of some skill would give them."""
    rng = np.random.default_rng(seed)
    ids = tuple(map(str, range(n)))
    if kind is TaskKind.GENERATION:
        right = (rng.random(n) < skill).astype(float)
        near = np.clip(right + (1 - right) * rng.random(n), 0, 1)
        return Outputs(
            kind,
            {"exact_match": right, "token_f1": near, "rouge_l": near, "chrf": near, "valid": right},
            ids,
        )
    if kind is TaskKind.EXTRACTION:
        gold = np.random.default_rng(0).poisson(1.5, n)
        hits = rng.binomial(gold, skill)
        extra = rng.poisson(0.5, n)
        columns = {"hits": hits, "named": hits + extra, "gold": gold, "invented": extra // 2}
        columns |= {"valid": np.ones(n)}
        return Outputs(kind, {k: np.asarray(v, float) for k, v in columns.items()}, ids)
    if kind is TaskKind.REGRESSION:
        truth = np.random.default_rng(0).normal(size=n)
        answer = truth + rng.normal(size=n) * (1.2 - skill)
        columns = {"truth": truth, "answer": answer, "error": answer - truth, "valid": np.ones(n)}
        return Outputs(kind, columns, ids)
    size = np.random.default_rng(0).integers(20, 200, n).astype(float)
    return Outputs(kind, {"bits": size * rng.gamma(4, (2 - skill) / 4, n), "size_bytes": size}, ids)


KINDS = [kind for kind in TaskKind if kind is not TaskKind.CLASSIFICATION]


@pytest.mark.parametrize("kind", KINDS)
def test_what_examples_add_has_the_value_as_mean(kind: TaskKind) -> None:
    outputs = drawn(kind, 500, 3)
    for name in METRICS[kind]:
        found = score(outputs, name)
        assert found.added.mean() == pytest.approx(found.value, abs=1e-9)
    assert set(PRIMARY_METRICS[kind]) <= set(METRICS[kind])
    assert set(outputs.columns) == set(COLUMNS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_cover_the_truth(kind: TaskKind) -> None:
    """Of 300 draws of 300 rows, 90 % or more intervals hold the value of 100,000 rows."""
    whole = drawn(kind, 100_000, 999)
    rng = np.random.default_rng(5)
    names = [name for name in METRICS[kind] if name != "unparsable_rate"]
    truth = {name: score(whole, name).value for name in names}
    held = dict.fromkeys(names, 0)
    for _ in range(300):
        part = whole.take(rng.integers(0, len(whole), 300))
        for metric in measure_outputs(part, "test"):
            if metric.name in held:
                assert metric.low is not None
                assert metric.high is not None
                held[metric.name] += metric.low <= truth[metric.name] <= metric.high
    assert {name: count for name, count in held.items() if count < 270} == {}


@pytest.mark.parametrize("kind", [TaskKind.GENERATION, TaskKind.EXTRACTION])
def test_answers_that_are_all_right_are_not_free_of_doubt(kind: TaskKind) -> None:
    columns = {name: np.ones(200) for name in COLUMNS[kind]} | (
        {"invented": np.zeros(200)} if kind is TaskKind.EXTRACTION else {}
    )
    for metric in measure_outputs(Outputs(kind, columns), "test"):
        if metric.name in SHARES | BOUNDED:
            assert metric.low is not None
            assert metric.high is not None
            assert 0.01 < metric.high - metric.low < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_models_are_compared_and_placed_by_every_metric(kind: TaskKind) -> None:
    weak, strong = drawn(kind, 600, 1, 0.3), drawn(kind, 600, 2, 0.8)
    for name in PRIMARY_METRICS[kind]:
        found = paired_difference(strong, weak, name)
        sign = -1 if name in LOWER_IS_BETTER else 1
        assert sign * found.value > 0
        assert found.p < 0.05
        assert compare_all([weak, strong], name).groups == (2, 1)
        same = paired_difference(weak, weak, name)
        assert (same.value, same.p) == (0, 1)


def test_the_order_of_rows_does_not_matter() -> None:
    outputs = drawn(TaskKind.EXTRACTION, 300, 4)
    turned = outputs.take(list(range(299, -1, -1)))
    for one, other in zip(
        measure_outputs(outputs, "test"), measure_outputs(turned, "test"), strict=True
    ):
        assert one.value == pytest.approx(other.value)
        assert one.low == pytest.approx(other.low)


def test_metrics_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="is not one of mae, rmse, r2"):
        score(drawn(TaskKind.REGRESSION, 9, 0), "rouge_l")
    with pytest.raises(ValueError, match="of classes"):
        paired_difference(drawn(TaskKind.TEXT, 9, 0), drawn(TaskKind.TEXT, 9, 0), "macro_f1")


def test_one_example_and_none_have_no_interval() -> None:
    outputs = drawn(TaskKind.GENERATION, 9, 0)
    (first, *_) = measure_outputs(outputs.take([0]), "test")
    assert (first.low, first.how) == (None, "no interval: 1 example")
    (first, *_) = measure_outputs(outputs.take([]), "test")
    assert first.value is None
    assert first.missing_because == "the split has no examples"


def test_outputs_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Outputs(TaskKind.TEXT, {"bits": np.array([math.nan]), "size_bytes": np.ones(1)})
    with pytest.raises(ValueError, match="columns of text"):
        Outputs(TaskKind.TEXT, {"bits": np.ones(1)})
