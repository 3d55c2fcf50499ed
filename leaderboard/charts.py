"""Charts, one style. Pure: rows in, an Altair chart out. Streamlit's theme gives the colours."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from storage.board_rows import Confusion, CurvePoint

HEIGHT = 300
_GREY, _BLUE, _GOLD = "#7a8791", "#2f86c1", "#c98a1b"
_SMOOTHED = 4
"""Steps on each side over which train loss is averaged."""

_SHOWN_LABELS = 25
"""With more labels than this, counts would not be readable inside their cells."""


def curves(points: Sequence[CurvePoint], best_step: int | None) -> Any:
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
        train.mark_line(strokeWidth=1, opacity=0.3, color=_GREY).encode(x=x, y=y),
        mean.mark_line(strokeWidth=2).encode(x=x, y="mean:Q", color=_split_colour()),
        validation.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=45)).encode(
            x=x, y=y, color=_split_colour(), tooltip=tooltip
        ),
        *_best(best_step),
    ]
    return alt.layer(*layers).properties(height=HEIGHT)


def _split_colour() -> Any:
    return alt.Color(
        "split:N",
        title=None,
        scale=alt.Scale(domain=["train", "validation"], range=[_GREY, _BLUE]),
        legend=alt.Legend(orient="top", direction="horizontal", offset=4),
    )


def _best(step: int | None) -> list[Any]:
    if step is None:
        return []
    base = alt.Chart(pd.DataFrame([{"step": step, "label": f"kept: step {step}"}]))
    rule = base.mark_rule(color=_GOLD, strokeDash=[2, 3], strokeWidth=1.5).encode(x="step:Q")
    words = base.mark_text(align="right", dx=-6, dy=4, baseline="top", color=_GOLD, fontSize=12)
    return [rule, words.encode(x="step:Q", y=alt.value(22), text="label:N")]


def confusion(rows: Sequence[Confusion], labels: Sequence[str]) -> Any:
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
    across = alt.Axis(labelAngle=-40, labelOverlap=len(labels) > _SHOWN_LABELS)
    base = alt.Chart(pd.DataFrame(cells)).encode(
        x=alt.X("predicted:N", title="predicted", sort=list(labels), axis=across),
        y=alt.Y("true:N", title="true", sort=list(labels), axis=every),
        tooltip=["true:N", "predicted:N", "rows:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    shade = base.mark_rect().encode(
        color=alt.Color(
            "share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=["#2f86c114", _BLUE])
        )
    )
    layers = [shade]
    if len(labels) <= _SHOWN_LABELS:
        counts = base.transform_filter("datum.rows > 0").mark_text(fontSize=12)
        layers.append(
            counts.encode(
                text="rows:Q",
                color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value(_GREY)),
            )
        )
    height = HEIGHT if len(labels) <= _SHOWN_LABELS else 18 * len(labels)
    return alt.layer(*layers).properties(height=height)
