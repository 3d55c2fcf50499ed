"""Was fine-tuning worth it? The decision over all ways of doing a task, on the same test rows.

The arms are ordered by what they cost. The cheapest one is kept that no dearer one beats: surely
(the paired difference is above 0 after correction for all arms) and by at least the smallest effect
that anybody would pay for. So chance alone hardly ever buys anything, and neither does a gain that
is real and too small to matter. It is not enough to beat the cheapest: if embeddings and LoRA are
equally good and both better than tf-idf, chance may let LoRA alone surely beat tf-idf. Stepping up
from there would call it worth it on up to 20 % of such boards; this rule does on at most 2 %
(simulated: 500-2000 rows, embeddings and LoRA 0-4 points above tf-idf).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.judgements import Arm, Worth
from storage.records import PRIMARY_METRICS, Method, Metric, TaskKind, metric_words
from trainer.evaluate.compare import PairedDifference, as_difference
from trainer.evaluate.detectable import detectable_difference, rows_needed
from trainer.evaluate.intervals import Z95
from trainer.evaluate.scoring import lower_is_better
from trainer.evaluate.units import amount, bare

EXPECTED = (Method.TFIDF, Method.EMBEDDING)
"""What fine-tuning should be held against at the least."""

PROMPTED = ("zero_shot", "few_shot", "rag")
"""Ways to do a task that a board may hold as runs, imported ones included."""

Compare = Callable[[str, str], PairedDifference]
"""The paired difference of two runs, first minus second, given their ids."""


@dataclass(frozen=True, slots=True)
class Way:
    """One arm: the run that stands for a method and base, chosen on validation.

    Attributes:
        name: As a person knows it, such as `LoRA fine-tuning of minilm`.
        cost: Training and a month of answers in money; None without prices.
        machine_seconds: The same in seconds of the machine, for the order where there is no price.
    """

    run_id: str
    name: str
    method: Method
    base: str
    primary: Metric
    cost: float | None
    cost_per_1000: float | None
    latency_p95_ms: float | None
    machine_seconds: float


def judge(ways: Sequence[Way], compare: Compare, metric: str, minimum_effect: float) -> Worth:
    """The verdict over the arms of a task.

    Args:
        ways: One for each method and base; those without a number on test are left out by the
            caller.
        compare: Gives paired differences of the primary metric, turned so that more is better.
        metric: Its name, for the sentences.
        minimum_effect: The smallest gain that is worth paying for, in units of the metric.

    Returns:
        `worth_it` if the arm that the rule keeps is a fine-tuned one; else `worse` or `tie` by the
        paired difference of the best fine-tuned arm to the one that is kept; `not_compared` where
        there is no fine-tuned arm or nothing to hold it against.

    Source: non-inferiority and superiority margins as in ICH E9; Bonferroni over the arms.
    """
    ordered = sorted(ways, key=_price)
    tuned = [way for way in ordered if way.method.is_tuned]
    others = [way for way in ordered if not way.method.is_tuned]
    expected = _expected(metric)
    missing = _missing(others, expected)
    if not tuned or not others:
        sentence = (
            "No fine-tuned run has a result yet."
            if not tuned
            else "Not compared: there is no run without fine-tuning, so there is no evidence that "
            f"fine-tuning is needed. Run {' and '.join(expected)}."
        )
        arms = tuple(_arm(way, None, "") for way in ordered)
        return Worth(verdict="not_compared", sentence=sentence, missing=missing, arms=arms)
    kept = _kept(ordered, compare, minimum_effect)
    best = kept if kept.method.is_tuned else _best(tuned)
    against = _rival(best, others) if kept.method.is_tuned else kept
    found = _corrected(compare(best.run_id, against.run_id), len(ordered) - 1)
    verdict = "worth_it" if kept is best else "worse" if found.high < 0 else "tie"
    more = _more_rows(found, minimum_effect) if verdict == "tie" else None
    return Worth.model_validate(
        {
            "verdict": verdict,
            "sentence": _sentence(verdict, best, against, found, metric, minimum_effect, more),
            "recommended": kept.run_id,
            "tuned": best.run_id,
            "cost_multiple": _multiple(best.cost, against.cost)
            or _multiple(best.machine_seconds, against.machine_seconds),
            "latency_multiple": _multiple(best.latency_p95_ms, against.latency_p95_ms),
            "more_rows": more,
            "missing": missing,
            "arms": [
                _arm(way, None if way is kept else compare(way.run_id, kept.run_id), kept.run_id)
                for way in ordered
            ],
        }
    )


def _price(way: Way) -> tuple[bool, float, float, str]:
    """Priced arms by price, then the rest by machine time."""
    return way.cost is None, way.cost or 0.0, way.machine_seconds, way.run_id


def _kept(ordered: Sequence[Way], compare: Compare, minimum_effect: float) -> Way:
    """The cheapest arm that no dearer one beats surely and sufficiently; the last never is."""

    def beaten(place: int) -> bool:
        cheap = ordered[place].run_id
        found = (
            _corrected(compare(way.run_id, cheap), len(ordered) - 1) for way in ordered[place + 1 :]
        )
        return any(each.low > 0 and each.value >= minimum_effect for each in found)

    return next(way for place, way in enumerate(ordered) if not beaten(place))


def _rival(best: Way, others: Sequence[Way]) -> Way:
    """What a fine-tuned arm is held against in words: the best of the cheaper ways, if any is."""
    cheaper = [way for way in others if _price(way) < _price(best)]
    return _best(cheaper or others)


def _best(ways: Sequence[Way]) -> Way:
    """The arm with the best number; the caller chose each on validation."""
    return max(ways, key=lambda way: (_rank(way.primary), -_price(way)[2]))


def _rank(primary: Metric) -> float:
    """More is better."""
    value = primary.value or 0.0
    return -value if lower_is_better(primary.name) else value


def _corrected(found: PairedDifference, comparisons: int) -> PairedDifference:
    """The difference with an interval for several comparisons (Bonferroni), by its error."""
    from scipy.stats import norm

    if comparisons < 2:
        return found
    wider = float(norm.ppf(1 - 0.025 / comparisons)) / Z95
    return PairedDifference(
        value=found.value,
        low=found.value - wider * (found.value - found.low),
        high=found.value + wider * (found.high - found.value),
        p=min(1.0, comparisons * found.p),
        n=found.n,
        how=f"{found.how}, Bonferroni over {comparisons} arms",
    )


def _more_rows(found: PairedDifference, minimum_effect: float) -> int | None:
    """Test rows more that would settle it; None where the interval rules the effect out already.

    As many as find the effect, if it is there; where the rows already suffice for that, as many as
    would rule it out if the difference stays what it is.
    """
    if found.high < minimum_effect:
        return None
    error = (found.high - found.low) / (2 * Z95)
    needed = rows_needed(found.n, detectable_difference(error), minimum_effect)
    short = minimum_effect - found.value
    if needed <= found.n and short > 0:
        needed = rows_needed(found.n, found.high - found.value, short)
    return max(needed - found.n, 1)


def _multiple(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _expected(metric: str) -> tuple[Method, ...]:
    """Baselines of labels; what writes its answers has only prompts to be held against."""
    labelled = metric in PRIMARY_METRICS[TaskKind.CLASSIFICATION]
    return EXPECTED if labelled else (Method.ZERO_SHOT,)


def _missing(others: Sequence[Way], expected: Sequence[Method]) -> tuple[str, ...]:
    had = {way.method for way in others}
    prompted = () if Method.EXTERNAL in had else PROMPTED
    wanted = dict.fromkeys([method.value for method in expected] + list(prompted))
    return tuple(name for name in wanted if name not in {method.value for method in had})


def _arm(way: Way, difference: PairedDifference | None, against: str) -> Arm:
    words = "recommended" if difference is None and against else ""
    if difference is not None:
        words = (
            "better" if difference.low > 0 else "worse" if difference.high < 0 else "no difference"
        )
    return Arm(
        run_id=way.run_id,
        method=way.method,
        base=way.base,
        primary=way.primary,
        cost=way.cost,
        cost_per_1000=way.cost_per_1000,
        latency_p95_ms=way.latency_p95_ms,
        difference=as_difference(difference, against) if difference else None,
        words=words,
    )


# --- words ---------------------------------------------------------------------------------------


def _sentence(
    verdict: str,
    best: Way,
    against: Way,
    found: PairedDifference,
    metric: str,
    minimum_effect: float,
    more: int | None,
) -> str:
    gain = (
        f"{amount(found.value, metric, signed=True)} of {metric_words(metric)} "
        f"({bare(found.low, metric, signed=True)} to {bare(found.high, metric, signed=True)}) on "
        f"the same {found.n:,} rows"
    )
    cost = _cost_words(best, against)
    if verdict == "worth_it":
        return (
            f"Fine-tuning was worth it: {best.name} is at {gain} against {against.name}, the "
            f"best other way{cost}."
        )
    if verdict == "worse":
        return (
            f"Fine-tuning was not worth it: {best.name} is at {gain} against {against.name}{cost}."
        )
    asked = f"a gain of {amount(minimum_effect, metric)}"
    head = (
        f"Not worth it, as far as these rows can tell: {best.name} is at {gain} against "
        f"{against.name}"
    )
    if more is None:
        settled = f"That rules out {asked}" if found.low <= 0 else f"That is less than {asked}"
        return f"{head}{cost}. {settled}, so the cheaper way stays."
    return (
        f"{head}{cost}. The rows do not settle whether there is {asked}: about {more:,} more test "
        "rows would. Until then the cheaper way stays."
    )


def _cost_words(best: Way, against: Way) -> str:
    if best.cost is not None and against.cost:
        return f", at {_times(best.cost / against.cost)} the cost"
    if against.machine_seconds > 0:
        times = _times(best.machine_seconds / against.machine_seconds)
        return f", at {times} the machine time (no prices are set)"
    return ""


def _times(ratio: float) -> str:
    if ratio >= 10:
        return f"{ratio:,.0f} times"
    return f"{ratio:.1f} times" if ratio >= 0.1 else f"{ratio:.2f} times"
