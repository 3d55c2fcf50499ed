"""Small pieces of HTML. Every text from outside goes through `text`, so data is never markup."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from leaderboard import words
from storage.records import Outcome


def text(value: object) -> str:
    """Anything as text in HTML."""
    return escape(str(value), quote=True)


def link(address: str, label: str) -> str:
    return f'<a href="{text(address)}" target="_self">{text(label)}</a>'


def board_address(task: str) -> str:
    return f"./board?task={quote(task)}"


def run_address(run_id: str) -> str:
    return f"./run?run_id={quote(run_id)}"


def compare_address(task: str, *run_ids: str) -> str:
    return _runs_address("compare", task, run_ids)


def examples_address(task: str, *run_ids: str) -> str:
    return _runs_address("examples", task, run_ids)


def _runs_address(page: str, task: str, run_ids: Iterable[str]) -> str:
    return f"./{page}?task={quote(task)}&runs={','.join(quote(one) for one in run_ids)}"


def review_address(review_id: str) -> str:
    return f"./review?review_id={quote(review_id)}"


def pill(word: str, kind: str) -> str:
    """A short word in a frame; `kind` chooses its colour."""
    return f'<span class="tb-pill tb-{text(kind)}">{text(word)}</span>'


def outcome(found: Outcome, label: str = "", title: str = "") -> str:
    """Icon and word, never colour alone."""
    icon, word = words.ICONS[found]
    hint = f' title="{text(title)}"' if title else ""
    return (
        f'<span class="tb-outcome tb-{found.value}"{hint}>'
        f'<span aria-hidden="true">{icon}</span> {text(label or word)}</span>'
    )


def bar(
    value: float | None, low: float | None, high: float | None, start: float, end: float
) -> str:
    """A number with its interval on an axis from `start` to `end`; nothing where none was measured.

    What lies left of the axis is said, not drawn.
    """
    if value is None or end <= start:
        return ""

    def share(number: float) -> float:
        return 100 * min(max((number - start) / (end - start), 0.0), 1.0)

    if value < start:
        return '<span class="tb-sub">◂ left of the scale</span>'
    left, right = (
        share(low if low is not None else value),
        share(high if high is not None else value),
    )
    label = f"{words.number(value)}, 95 % interval {words.interval(low, high)}"
    return (
        f'<span class="tb-axis" role="img" aria-label="{text(label)}">'
        f'<span class="tb-whisker" style="left:{left:.2f}%;width:{right - left:.2f}%"></span>'
        f'<span class="tb-dot" style="left:{share(value):.2f}%"></span></span>'
    )


def word_of(low: float | None, high: float | None) -> str:
    """What a difference says in words; colour says it again."""
    word = words.difference(low, high)
    css = {"better": "tb-better", "worse": "tb-worse"}.get(word, "")
    return f'<span class="{css}">{text(word)}</span>'


def difference_bar(value: float, low: float, high: float, reach: float) -> str:
    """A difference with its interval on an axis from −`reach` to `reach`, nought in the middle."""
    drawn = bar(value, low, high, -reach, reach)
    return drawn.replace('class="tb-axis"', 'class="tb-axis tb-nought"')


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table of ready HTML cells that becomes a list of cards on a narrow screen."""
    head = "".join(f'<th scope="col">{text(column)}</th>' for column in columns)
    body = "".join(_row(columns, cells) for cells in rows)
    return (
        f'<div class="tb-scroll"><table class="tb-table {text(kind)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(columns: Sequence[str], cells: Sequence[str]) -> str:
    found = "".join(
        f'<td data-label="{text(column)}"><div>{cell}</div></td>'
        for column, cell in zip(columns, cells, strict=True)
    )
    return f"<tr>{found}</tr>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and ready HTML values."""
    items = "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f'<dl class="tb-facts">{items}</dl>'


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the few numbers that matter.

    Attributes:
        note: What to know about the value.
        address: Where the value leads; nowhere where empty.
        drawn: Ready HTML between value and note, such as an interval.
    """

    name: str
    value: str
    note: str = ""
    address: str = ""
    drawn: str = ""


def figures(items: Iterable[Figure]) -> str:
    """Figures side by side."""
    return f'<div class="tb-figures">{"".join(_figure(item) for item in items)}</div>'


def _figure(item: Figure) -> str:
    value = link(item.address, item.value) if item.address else text(item.value)
    return (
        f'<div class="tb-figure"><span class="tb-name">{text(item.name)}</span>'
        f'<span class="tb-value">{value}</span>{item.drawn}'
        f'<span class="tb-note">{text(item.note)}</span></div>'
    )
