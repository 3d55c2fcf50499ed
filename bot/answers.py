"""From facts to a Reply: the words people read, and the JSON programs read. No decisions here."""

import logging
from collections.abc import Sequence

from bot import as_json, phrases
from bot.commands import VERBS, Verb
from bot.replies import Reply, table
from storage import errors, openings, reviews
from storage.home import Home
from storage.judgements import BoardSummary, Gate, Standing, Waiver
from storage.ledger import Ledger
from storage.records import (
    MEASURED_ON_TEST,
    Check,
    DatasetVersion,
    EvidenceSummary,
    Metric,
    Prospect,
    Review,
    Run,
    RunSpec,
    RunState,
    Split,
)
from storage.run_folder import RunFolder
from storage.tasks import RegisteredTask

log = logging.getLogger(__name__)

MOST_WAITING = 30

Evidence = tuple[EvidenceSummary | None, tuple[Metric, ...], tuple[Check, ...], str]
"""What a folder holds, and a note where it cannot be read."""

UNREADABLE = "The evidence cannot be read."
SEALED = "The test set is sealed: scores on test are shown when the run is put up for review."


def help_all() -> Reply:
    rows = [(verb.usage, verb.does) for verb in VERBS.values()]
    return Reply(
        "This is what can be asked. `help VERB` shows an example.",
        table=table(("write", "to"), rows),
        data={"verbs": {verb.name: verb.usage for verb in VERBS.values()}},
    )


def help_verb(verb: Verb) -> Reply:
    keys = f"\nKeys: {', '.join(verb.keys)}" if verb.keys else ""
    text = f"`{verb.usage}`: {verb.does}.{keys}\nExample: `{verb.example}`"
    return Reply(text, data={"verb": verb.name, "usage": verb.usage, "keys": list(verb.keys)})


def tasks(found: Sequence[RegisteredTask]) -> Reply:
    if not found:
        return Reply("No tasks yet. `task add FILE` registers one.", data={"tasks": []})
    rows = [
        (
            item.task.name,
            item.task.version,
            item.task.primary_metric,
            len(item.dataset.labels),
            item.dataset.split(Split.TEST).rows,
            item.task.owner or item.added_by,
        )
        for item in found
    ]
    columns = ("task", "version", "primary metric", "labels", "test rows", "owner")
    return Reply(
        f"{len(found)} task{'s' if len(found) > 1 else ''}.",
        table=table(columns, rows),
        data={"tasks": [as_json.task_json(item) for item in found]},
    )


def task(item: RegisteredTask, *, added: bool = False) -> Reply:
    verb = "is registered" if added else "was registered"
    lines = [
        f"*{item.task.name}* version {item.task.version} {verb} by {item.added_by}.",
        f"Primary metric {item.task.primary_metric}; {_of_labels(item.dataset.labels)}",
        *data_lines(item.dataset),
    ]
    return Reply("\n".join(lines), data={"task": as_json.task_json(item)})


def data_lines(dataset: DatasetVersion) -> list[str]:
    """What was found in a task's files, one fact a line."""
    found = dataset.quality
    sizes = ", ".join(f"{part.split.value} {part.rows:,}" for part in dataset.splits)
    lines = [
        f"Data version `{dataset.content_digest[:12]}`: {found.rows_read:,} rows read, {sizes}.",
        f"Duplicates (case and white space folded): {found.duplicates_folded:,}, "
        f"{found.duplicates_exact:,} of them exact; {found.kept_out_of_train:,} kept out of train "
        "because validation or test has them.",
    ]
    if found.empty_rows:
        rows = ", ".join(str(row) for row in found.empty_row_numbers[:5])
        lines.append(f"{found.empty_rows:,} empty rows left out (row {rows}…).")
    if found.conflicting_labels:
        lines.append(f"{found.conflicting_labels:,} texts carry more than one label.")
    if found.rows_over_limit is not None:
        lines.append(
            f"{found.rows_over_limit:,} rows are longer than {found.token_limit} tokens and are "
            f"cut (median {found.tokens_median}, longest {found.tokens_max})."
        )
    return lines + [f"Note: {note}" for note in found.notes]


def plan(
    spec: RunSpec,
    prospect: Prospect,
    ledger: Ledger,
    home: Home,
    slots: int,
    *,
    price: tuple[float, str] | None = None,
    budget: str = "",
) -> Reply:
    """What a run would do.

    Args:
        price: Of an hour of the machine, and in which currency, where that is known.
        budget: What whoever asks has left, in words.
    """
    waiting = ledger.count_runs(states=(RunState.QUEUED,))
    active = ledger.count_runs(states=(RunState.ACTIVE,))
    before = _seconds_before(spec, ledger, home)
    lines = [
        f"*Plan*: {phrases.describe(spec)}. Nothing was started.",
        *data_lines(prospect.dataset),
        *([f"Memory: {prospect.memory.in_words()}"] if prospect.memory else []),
        *[f"Problem: {problem}" for problem in prospect.problems],
        f"Queue: {active} of {slots} places taken, {waiting} waiting before this one.",
        f"Time: about {before:.0f} s, as such a run took before."
        if before
        else "Time: not known; no such run has finished here yet.",
        _cost_ahead(before, price),
        *([budget] if budget else []),
    ]
    data = {
        "plan": {
            "spec": spec.model_dump(mode="json"),
            "dataset": prospect.dataset.model_dump(mode="json"),
            "memory": prospect.memory.model_dump(mode="json") if prospect.memory else None,
            "problems": list(prospect.problems),
            "queue": {"active": active, "waiting": waiting, "slots": slots},
            "expected_seconds": before,
            "expected_cost": before / 3600 * price[0] if before and price else None,
        }
    }
    return Reply("\n".join(lines), data=data)


def _cost_ahead(seconds: float | None, price: tuple[float, str] | None) -> str:
    if price is None:
        return "Cost: not known; no price of an hour is set under [prices]."
    per_hour, currency = price
    if not seconds:
        return f"Cost: not known yet; an hour costs {per_hour:g} {currency}."
    cost = seconds / 3600 * per_hour
    return f"Cost: about {cost:.2g} {currency}, at {per_hour:g} {currency} an hour."


def launched(run: Run, place: int | None) -> Reply:
    where = f"queued at place {place}" if place else run.state.value
    text = f"Run `{run.id}` is {where}: {phrases.describe(run.spec)}."
    return Reply(text, run_id=run.id, data={"run": as_json.run_json(run, None)})


def launched_all(replies: Sequence[Reply]) -> Reply:
    """One answer for runs that were asked for together; the last of them is followed."""
    if len(replies) == 1:
        return replies[0]
    text = "\n".join(reply.text for reply in replies)
    return Reply(text, run_id=replies[-1].run_id, data={"runs": [r.data["run"] for r in replies]})


def cancelling(run: Run) -> Reply:
    ended = run.state is RunState.CANCELLED
    text = f"Run `{run.id}` is cancelled." if ended else f"Run `{run.id}` saves and ends."
    return Reply(text, run_id=run.id, data={"run": as_json.run_json(run, None)})


def queue(ledger: Ledger) -> Reply:
    found = (*ledger.runs(states=(RunState.ACTIVE,)), *ledger.waiting(MOST_WAITING))
    if not found:
        return Reply("Nothing is running and nothing waits.", data={"runs": []})
    rows = [
        (run.id, run.state.value, phrases.describe(run.spec), run.requested_by) for run in found
    ]
    active = sum(run.state is RunState.ACTIVE for run in found)
    waiting = ledger.count_runs(states=(RunState.QUEUED,))
    first = f" The first {MOST_WAITING} of them:" if waiting > MOST_WAITING else ""
    return Reply(
        f"{active} running, {waiting} waiting.{first}",
        table=table(("run", "state", "what", "by"), rows),
        data={"runs": [as_json.run_json(run, None) for run in found]},
    )


def runs(found: Sequence[Run], home: Home, ledger: Ledger) -> Reply:
    if not found:
        return Reply("No runs yet. `run task=… method=…` starts one.", data={"runs": []})
    rows = [
        (
            run.id,
            run.state.value,
            phrases.describe(run.spec),
            _primary(run, home, ledger),
            run.requested_by,
        )
        for run in found
    ]
    return Reply(
        f"The newest {len(found)} runs." if len(found) > 1 else "One run.",
        table=table(("run", "state", "what", "result", "by"), rows),
        data={"runs": [as_json.run_json(run, _summary(home.run(run.id))) for run in found]},
    )


def run(
    found: Run,
    folder: RunFolder,
    ledger: Ledger,
    standing: Standing | None = None,
    gate: Gate | None = None,
) -> Reply:
    """A run with state and progress, and its numbers once there are any."""
    hidden = openings.is_hidden(ledger, found)
    summary, metrics, found_checks, note = evidence(folder, hidden=hidden)
    checks = standing.checks if standing else found_checks
    place = ledger.queue_place(found.id)
    lines = [
        f"Run `{found.id}` is *{found.state.value}*: {phrases.describe(found.spec)}.",
        *([f"It is at place {place} in the queue."] if place else []),
        *([f"{found.reason}"] if found.reason and found.state.ended else []),
        *([phrases.progress_line(event)] if (event := phrases.newest_event(found, folder)) else []),
        *([phrases.engine_line(summary)] if summary else []),
        *([note] if note else []),
        *[phrases.metric_line(metric) for metric in phrases.headline(found.spec, metrics)],
        *[phrases.stage_line(metric) for metric in metrics if metric.group.startswith("stage:")],
        *[phrases.check_line(check) for check in checks],
        *(phrases.gate_lines(gate) if gate else []),
    ]
    data = {
        "run": as_json.run_json(found, summary),
        "metrics": [as_json.metric_json(metric) for metric in metrics],
        "checks": [as_json.check_json(check) for check in checks],
        "gate": gate.model_dump(mode="json") if gate else None,
        "sealed": hidden,
    }
    failed = found.state is RunState.FAILED
    return Reply("\n".join(lines), run_id=found.id, data=data, exit_code=1 if failed else 0)


def top(task_name: str, summary: BoardSummary | None, url: str) -> Reply:
    if summary is None:
        return Reply(
            "There is no board yet; one is made when a run ends. `tuneboard rebuild` makes it now.",
            data={"standings": []},
        )
    rows = summary.standings.get(task_name, ())
    if not rows:
        return Reply(
            f"The board of {task_name} is empty: no run has finished.", data={"standings": []}
        )
    worth, notes = summary.worth.get(task_name), summary.notes.get(task_name)
    lines = [
        f"Board of *{task_name}*, by {rows[0].primary.name} on {rows[0].primary.split}. "
        f"{url}/?task={task_name}",
        *([worth.sentence] if worth else []),
        *((notes.top, *notes.sentences) if notes else ()),
    ]
    data = {
        "standings": [row.model_dump(mode="json") for row in rows],
        "worth": worth.model_dump(mode="json") if worth else None,
        "notes": notes.model_dump(mode="json") if notes else None,
    }
    priced = any(_cost(row) != "–" for row in rows)
    columns = (
        *("place", "group", "run", "method", rows[0].primary.name, "against baseline"),
        *(("cost per 1,000",) if priced else ()),
        *("flags", "policy", "status"),
    )
    shown = [_top_row(row, priced=priced) for row in rows]
    return Reply("\n".join(lines), table=table(columns, shown), data=data)


def _top_row(row: Standing, *, priced: bool) -> tuple[str, ...]:
    return (
        row.place,
        str(row.tie_group or "–"),
        row.run_id,
        row.method.value,
        phrases.number(row.primary),
        phrases.difference_words(row),
        *((_cost(row),) if priced else ()),
        ", ".join(phrases.flag_words(row.checks)) or "none",
        f"{phrases.GATE_WORDS[row.gate.status]} ({row.gate.counts})" if row.gate else "–",
        row.status,
    )


def _cost(row: Standing) -> str:
    found = next((m.value for m in row.metrics if m.name == "cost_per_1000"), None)
    return "–" if found is None else f"{found:.4g}"


def submitted(review: Review, gate: Gate) -> Reply:
    needed = review.approvals_needed
    lines = [
        f"Review `{review.id}` of run `{review.run_id}` is open; it needs {needed} "
        f"approval{'s' if needed > 1 else ''} by somebody else.",
        *phrases.gate_lines(gate),
    ]
    return Reply(
        "\n".join(lines),
        run_id=review.run_id,
        review_id=review.id,
        data={"review": review.model_dump(mode="json"), "gate": gate.model_dump(mode="json")},
    )


def waived(given: Waiver, gate: Gate) -> Reply:
    lines = [
        f"`{given.check}` is waived for run `{given.run_id}` until {given.until}, by "
        f"{given.person}: {given.reason}. It stays visible.",
        *phrases.gate_lines(gate),
    ]
    data = {"waiver": given.model_dump(mode="json"), "gate": gate.model_dump(mode="json")}
    return Reply("\n".join(lines), run_id=given.run_id, data=data)


def decided(result: reviews.Decided) -> Reply:
    review = result.review
    verb = "approved" if result.decision.verdict.value == "approve" else "rejected"
    again = "" if result.new else " That was noted before; nothing was done twice."
    return Reply(
        f"You {verb} run `{review.run_id}`. Review `{review.id}` is *{review.state.value}*. "
        f"Head of the decision chain: `{result.decision.hash[:12]}`.{again}",
        run_id=review.run_id,
        review_id=review.id,
        data={
            "review": review.model_dump(mode="json"),
            "decision": result.decision.model_dump(mode="json"),
            "new": result.new,
        },
    )


# --- inside ---------------------------------------------------------------------------------------


def evidence(folder: RunFolder, *, hidden: bool = False) -> Evidence:
    """All of it or, with a note, none: a broken folder must not hide the run.

    Args:
        hidden: The test set is sealed and the run was not put up for review: what was measured on
            test is left out.
    """
    if not folder.has_evidence:
        return None, (), (), ""
    try:
        summary, metrics, checks = folder.summary(), folder.metrics(), folder.checks()
        if not hidden:
            return summary, metrics, checks, ""
        shown = tuple(metric for metric in metrics if metric.split != "test")
        others = tuple(check for check in checks if check.id not in MEASURED_ON_TEST)
        return summary, shown, others, SEALED
    except errors.CorruptFolder as error:
        log.warning("%s is shown without evidence: %s", folder.run_id, error)
        return None, (), (), UNREADABLE


def _summary(folder: RunFolder) -> EvidenceSummary | None:
    """None where there is no readable evidence; a broken folder must not hide the run."""
    try:
        return folder.summary() if folder.has_evidence else None
    except errors.CorruptFolder:
        return None


def _primary(found: Run, home: Home, ledger: Ledger) -> str:
    hidden = openings.is_hidden(ledger, found)
    summary, metrics, _, note = evidence(home.run(found.id), hidden=hidden)
    if summary is None:
        return found.reason[:60] if found.state is RunState.FAILED else note or "–"
    best = phrases.headline(found.spec, metrics)
    where = " (validation)" if hidden else ""
    return f"{best[0].name} {phrases.number(best[0])}{where}" if best else "–"


def _seconds_before(spec: RunSpec, ledger: Ledger, home: Home) -> float | None:
    """How long the newest run of the same task, method and base took."""
    for found in ledger.runs(states=(RunState.SUCCEEDED,), task=spec.task.name, limit=50):
        same = found.spec.method is spec.method and found.spec.base == spec.base
        summary = _summary(home.run(found.id)) if same else None
        if summary:
            return phrases.total_seconds(summary)
    return None


def _of_labels(labels: Sequence[str]) -> str:
    return f"labels: {_some(labels)}." if labels else "answers are written, not labels."


def _some(labels: Sequence[str], most: int = 8) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
