"""Charts, one style. Pure: rows and the ink of a scheme in, an Altair chart out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from storage.board_rows import BoardRow, Confusion, CurvePoint, LadderRow, SurenessRow
from trainer.evaluate.intervals import wilson

HEIGHT = 300


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours of a scheme; words in each of them have at least 4.5:1 on its ground."""

    words: str
    grey: str
    blue: str
    gold: str
    on_blue: str
    series: tuple[str, ...]


LIGHT = Ink(
    words="#4d565e",
    grey="#66717a",
    blue="#1f6fa8",
    gold="#8a5a00",
    on_blue="#ffffff",
    series=("#1f6fa8", "#b0530a", "#1d6b3f", "#8a3d8f", "#5b6670", "#a8201a"),
)
DARK = Ink(
    words="#b4bdc5",
    grey="#8f9aa3",
    blue="#6fb3e0",
    gold="#e0a93b",
    on_blue="#10151a",
    series=("#6fb3e0", "#f0a35e", "#6fcf97", "#d79be0", "#b4bdc5", "#ff8f86"),
)

_SMOOTHED = 4
"""Steps on each side over which train loss is averaged."""

_FLAT_LABELS = 4
_SHOWN_LABELS = 25
"""With more labels than this, counts would not be readable inside their cells."""


def curves(points: Sequence[CurvePoint], best_step: int | None, ink: Ink) -> Any:
    """Train and validation loss by step, with the step that was kept.

    Train loss is of single batches and jumps: it is drawn faintly, with its running mean over it.
    """
    rows = [
        {"step": point.step, "loss": value, "split": split}
        for point in points
        for split, value in (("train", point.train_loss), ("validation", point.validation_loss))
        if value is not None
    ]
    base = alt.Chart(pd.DataFrame(rows, columns=["step", "loss", "split"]))
    train = base.transform_filter("datum.split == 'train'")
    mean = train.transform_window(mean="mean(loss)", frame=[-_SMOOTHED, _SMOOTHED])
    validation = base.transform_filter("datum.split == 'validation'")
    x = alt.X("step:Q", title="step", axis=alt.Axis(format="d", grid=False))
    y = alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False, nice=True))
    tooltip = ["split:N", "step:Q", alt.Tooltip("loss:Q", format=".4f")]
    layers = [
        train.mark_line(strokeWidth=1, opacity=0.3, color=ink.grey).encode(x=x, y=y),
        mean.mark_line(strokeWidth=2).encode(x=x, y="mean:Q", color=_split_colour(ink)),
        validation.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=45)).encode(
            x=x, y=y, color=_split_colour(ink), tooltip=tooltip
        ),
        *_best(best_step, ink),
    ]
    return _inked(alt.layer(*layers).properties(height=HEIGHT), ink)


def _split_colour(ink: Ink) -> Any:
    return alt.Color(
        "split:N",
        title=None,
        scale=alt.Scale(domain=["train", "validation"], range=[ink.grey, ink.blue]),
        legend=alt.Legend(orient="top", direction="horizontal", offset=4),
    )


def _best(step: int | None, ink: Ink) -> list[Any]:
    if step is None:
        return []
    base = alt.Chart(pd.DataFrame([{"step": step, "label": f"kept: step {step}"}]))
    rule = base.mark_rule(color=ink.gold, strokeDash=[2, 3], strokeWidth=1.5).encode(x="step:Q")
    words = base.mark_text(align="right", dx=-6, dy=4, baseline="top", color=ink.gold, fontSize=12)
    return [rule, words.encode(x="step:Q", y=alt.value(22), text="label:N")]


def confusion(rows: Sequence[Confusion], labels: Sequence[str], ink: Ink) -> Any:
    """True labels down, predicted labels across; each row is shaded by its own total."""
    totals = {label: sum(row.n for row in rows if row.gold == label) for label in labels}
    found = {(row.gold, row.predicted): row.n for row in rows}
    cells = [
        {
            "true": gold,
            "predicted": predicted,
            "rows": found.get((gold, predicted), 0),
            "share": found.get((gold, predicted), 0) / totals[gold] if totals[gold] else 0.0,
        }
        for gold in labels
        for predicted in labels
    ]
    every = alt.Axis(labelOverlap=len(labels) > _SHOWN_LABELS)
    flat = len(labels) <= _FLAT_LABELS
    across = alt.Axis(labelAngle=0 if flat else -40, labelOverlap=len(labels) > _SHOWN_LABELS)
    base = alt.Chart(pd.DataFrame(cells)).encode(
        x=alt.X("predicted:N", title="predicted", sort=list(labels), axis=across),
        y=alt.Y("true:N", title="true", sort=list(labels), axis=every),
        tooltip=["true:N", "predicted:N", "rows:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    shade = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            legend=None,
            scale=alt.Scale(domain=[0, 1], range=[f"{ink.blue}14", ink.blue]),
        )
    )
    layers = [shade]
    if len(labels) <= _SHOWN_LABELS:
        counts = base.transform_filter("datum.rows > 0").mark_text(fontSize=12)
        layers.append(
            counts.encode(
                text="rows:Q",
                color=alt.condition(
                    "datum.share > 0.55", alt.value(ink.on_blue), alt.value(ink.words)
                ),
            )
        )
    height = HEIGHT if len(labels) <= _SHOWN_LABELS else 18 * len(labels)
    return _inked(alt.layer(*layers).properties(height=height), ink)


def reliability(rows: Sequence[SurenessRow], ink: Ink) -> Any:
    """How often the model is right by how sure it is, with 95 % intervals, beside the diagonal."""
    found = []
    for row in rows:
        between = wilson(row.right_rows, row.n)
        share = row.right_rows / row.n
        found.append(
            {
                "sure": row.confidence,
                "right": share,
                "low": between.low,
                "high": between.high,
                "rows": row.n,
            }
        )
    straight = alt.Chart(pd.DataFrame([{"sure": 0.0, "right": 0.0}, {"sure": 1.0, "right": 1.0}]))
    share = alt.Axis(format="%", grid=False, tickCount=5)
    x = alt.X("sure:Q", title="sure to", scale=alt.Scale(domain=[0, 1]), axis=share)
    y = alt.Y("right:Q", title="right", scale=alt.Scale(domain=[0, 1]), axis=share)
    base = alt.Chart(pd.DataFrame(found)).encode(
        x=x,
        tooltip=[
            alt.Tooltip("sure:Q", format=".1%"),
            alt.Tooltip("right:Q", format=".1%"),
            "rows:Q",
        ],
    )
    layers = [
        straight.mark_line(color=ink.grey, strokeDash=[2, 3], strokeWidth=1).encode(x=x, y=y),
        base.mark_rule(color=ink.blue, strokeWidth=2, opacity=0.5).encode(
            y=alt.Y("low:Q", title="right"), y2="high:Q"
        ),
        base.mark_point(color=ink.blue, filled=True, size=60, opacity=1).encode(y=y),
    ]
    return _inked(alt.layer(*layers).properties(height=HEIGHT), ink)


def validation_curves(found: Mapping[str, Sequence[CurvePoint]], ink: Ink) -> Any:
    """Validation loss of several runs by step."""
    rows = [
        {"run": run_id, "step": point.step, "loss": point.validation_loss}
        for run_id, points in found.items()
        for point in points
        if point.validation_loss is not None
    ]
    chart = alt.Chart(pd.DataFrame(rows, columns=["run", "step", "loss"]))
    return _inked(
        chart.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=45))
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(format="d", grid=False)),
            y=alt.Y("loss:Q", title="validation loss", scale=alt.Scale(zero=False, nice=True)),
            color=_series("run:N", ink),
            strokeDash=alt.StrokeDash("run:N", legend=None),
            tooltip=["run:N", "step:Q", alt.Tooltip("loss:Q", format=".4f")],
        )
        .properties(height=HEIGHT),
        ink,
    )


def tradeoff(
    rows: Sequence[BoardRow], column: str, title: str, metric: str, front: Sequence[str], ink: Ink
) -> Any:
    """A metric with its intervals against what it takes; what is beaten in both is grey.

    Args:
        front: The runs that are not beaten; they carry their numbers in this order, from 1.
    """
    numbers = {run_id: str(number) for number, run_id in enumerate(front, start=1)}
    found = [
        {
            "run": row.run_id,
            "way": f"{row.method} {row.base}".strip(),
            "x": getattr(row, column),
            "value": row.value,
            "low": row.low if row.low is not None else row.value,
            "high": row.high if row.high is not None else row.value,
            "kind": "not beaten in both" if row.run_id in numbers else "beaten",
            "number": numbers.get(row.run_id, ""),
        }
        for row in rows
    ]
    base = alt.Chart(pd.DataFrame(found)).encode(
        x=alt.X("x:Q", title=title, scale=_wide(found), axis=alt.Axis(grid=False, tickCount=5)),
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=["not beaten in both", "beaten"], range=[ink.blue, ink.grey]),
            legend=alt.Legend(orient="top", direction="horizontal", offset=4),
        ),
        tooltip=["way:N", "run:N", alt.Tooltip("value:Q", format=".3f"), alt.Tooltip("x:Q")],
    )
    bars = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        y=alt.Y("low:Q", title=metric, scale=alt.Scale(zero=False, nice=True)), y2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        y="value:Q", shape=alt.Shape("kind:N", legend=None)
    )
    names = base.transform_filter("datum.kind != 'beaten'").mark_text(
        dy=-13, fontSize=13, fontWeight="bold"
    )
    layers = [bars, dots, names.encode(y="value:Q", text="number:N")]
    return _inked(alt.layer(*layers).properties(height=HEIGHT + 60), ink)


def _wide(found: Sequence[Mapping[str, Any]]) -> Any:
    """Costs and times differ by powers of ten; a logarithm cannot show 0."""
    return alt.Scale(type="log" if min(row["x"] for row in found) > 0 else "symlog", nice=True)


def ladder(rows: Sequence[LadderRow], metric: str, ink: Ink) -> Any:
    """A metric by the number of training rows, a line a spec."""
    found = [
        {
            "spec": f"{row.method} {row.base}".strip() + f" · {row.size_family[:4]}",
            "rows": row.train_rows,
            "value": row.value,
            "low": row.low if row.low is not None else row.value,
            "high": row.high if row.high is not None else row.value,
        }
        for row in rows
    ]
    base = alt.Chart(pd.DataFrame(found)).encode(
        x=alt.X("rows:Q", title="training rows", scale=alt.Scale(zero=False, nice=True)),
        color=_series("spec:N", ink),
        tooltip=["spec:N", "rows:Q", alt.Tooltip("value:Q", format=".3f")],
    )
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False, nice=True))
    layers = [
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(
            y=alt.Y("low:Q", scale=alt.Scale(zero=False)), y2="high:Q"
        ),
        base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=60)).encode(y=y),
    ]
    return _inked(alt.layer(*layers).properties(height=HEIGHT), ink)


def _series(field: str, ink: Ink) -> Any:
    return alt.Color(
        field,
        title=None,
        scale=alt.Scale(range=list(ink.series)),
        legend=alt.Legend(orient="top", offset=4),
    )


def _inked(chart: Any, ink: Ink) -> Any:
    """The words of a chart in the scheme's ink: the theme's own are too pale to read."""
    return (
        chart.configure_axis(labelColor=ink.words, titleColor=ink.words)
        .configure_legend(labelColor=ink.words, titleColor=ink.words)
        .configure_text(color=ink.words)
    )
