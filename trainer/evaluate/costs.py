"""What a run and its answers cost, from measured time and the prices that somebody set."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.records import Metric

NO_PRICE = "no price is set: [prices] in tuneboard.toml"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a device hour, by device, and how many requests are expected a month.

    None where nobody set it: no price is ever made up.
    """

    hour: Mapping[str, float | None]
    monthly_requests: int | None = None
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Time:
    """What was measured of a run: its device, seconds in all, and milliseconds an answer."""

    device: str
    seconds: float | None
    answer_ms: float | None
    answers_timed: int = 0


def cost_metrics(time: Time, prices: Prices) -> tuple[Metric, ...]:
    """`cost_run` and `cost_per_1000`, in the currency of the prices; missing where they must be.

    cost_run = seconds · price/3600; cost_per_1000 = 1000 · answer_ms/1000 · price/3600, for answers
    one at a time, so it is the most that they cost: batches are cheaper.
    """
    price = prices.hour.get(time.device)
    run = None if price is None or time.seconds is None else time.seconds * price / 3600
    answers = None if price is None or time.answer_ms is None else time.answer_ms * price / 3600
    how = f"{prices.currency}, {time.device} hour at {price:g}" if price is not None else ""
    return (
        _metric("cost_run", run, 1, price, how, "its time is not known"),
        _metric(
            "cost_per_1000",
            answers,
            time.answers_timed,
            price,
            f"{how}, one answer at a time",
            "answers were not timed",
        ),
    )


def total_cost(run: float | None, per_1000: float | None, requests: int | None) -> float | None:
    """Training and a month of answers together; None where a part of it is not known."""
    if run is None or per_1000 is None or requests is None:
        return None
    return run + per_1000 * requests / 1000


def break_even_requests(extra_run: float, saved_per_1000: float) -> float | None:
    """Requests after which a dearer training has paid for itself; None where it never does."""
    return 1000 * extra_run / saved_per_1000 if saved_per_1000 > 0 else None


def _metric(
    name: str, value: float | None, n: int, price: float | None, how: str, missing: str
) -> Metric:
    if value is None:
        why = NO_PRICE if price is None else missing
        return Metric(name=name, split="run", value=None, n=0, missing_because=why)
    return Metric(name=name, split="run", value=value, n=n, how=how)
