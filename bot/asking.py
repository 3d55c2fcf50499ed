"""Verbs that only look: numbers, reasons, logs, comparisons, what there is, who one is.

Each is a function of the actions, the command and who asks; a person must be known. Two of them
(`compare`, `models`) ask another process and are slow: from chat their answer follows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import answers, as_json, bases, limits, phrases
from bot.access import Caller
from bot.commands import VERBS as COMMANDS
from bot.commands import Command
from bot.hosts.inspection import look_at_bases
from bot.hosts.projection_child import ask_child
from bot.replies import Reply, table
from bot.settings import Settings
from storage import openings, published, tasks
from storage.errors import BadInput, WrongState
from storage.home import Home
from storage.ledger import Ledger
from storage.records import BaseRef, Check, Metric, Outcome, Run

LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class Desk:
    """What there is to look at."""

    ledger: Ledger
    home: Home
    settings: Settings


Verb = Callable[[Desk, Command, Caller], Reply]


def metrics(desk: Desk, command: Command, caller: Caller) -> Reply:
    """Every number of a run, with interval and n."""
    run = desk.ledger.run(_words(command, 1)[0])
    hidden = openings.is_hidden(desk.ledger, run)
    summary, found, _, note = answers.evidence(desk.home.run(run.id), hidden=hidden)
    if summary is None:
        raise WrongState(f"{run.id} is {run.state.value}; it has no numbers. {note}".strip())
    rows = [
        (m.name, m.split, m.group or "all", phrases.number(m), f"{m.n:,}", m.missing_because or "")
        for m in found
    ]
    lines = [f"{len(found)} numbers of `{run.id}`: {phrases.describe(run.spec)}."]
    lines += [note] if note else []
    columns = ("metric", "split", "rows", "value", "n", "not measured because")
    data = {"run": run.id, "metrics": [as_json.metric_json(m) for m in found]}
    return Reply("\n".join(lines), table=table(columns, rows), run_id=run.id, data=data)


def why(desk: Desk, command: Command, caller: Caller) -> Reply:
    """What did not pass, what it means, and what to do: with a line that does it."""
    run = desk.ledger.run(_words(command, 1)[0])
    standing = published.standing_of(desk.home.board, run.id)
    hidden = openings.is_hidden(desk.ledger, run)
    _, _, own, note = answers.evidence(desk.home.run(run.id), hidden=hidden)
    checks = standing.checks if standing and not hidden else own
    if not checks:
        reason = run.reason or note or "it has no checks yet"
        raise WrongState(f"{run.id} is {run.state.value}: {reason}")
    flagged = [check for check in checks if check.outcome in {Outcome.FAIL, Outcome.WARN}]
    missing = [check for check in checks if check.outcome is Outcome.NOT_RUN]
    flagged.sort(key=lambda check: check.outcome is not Outcome.FAIL)
    lines = [f"`{run.id}`: {len(flagged)} flags, {len(missing)} not measured."]
    lines += [line for check in flagged for line in _reasons(run, check)]
    lines += [f"not run {check.id}: {check.reason}" for check in missing]
    data = {"run": run.id, "checks": [as_json.check_json(check) for check in (*flagged, *missing)]}
    return Reply("\n".join(lines), run_id=run.id, data=data)


def logs(desk: Desk, command: Command, caller: Caller) -> Reply:
    """The last lines of a run's log, without what looks like a secret."""
    run = desk.ledger.run(_words(command, 1)[0])
    if not run.attempt:
        raise WrongState(f"{run.id} is {run.state.value} and has no log yet.")
    try:
        lines = desk.home.run(run.id).log_tail(run.attempt, LOG_LINES)
    except FileNotFoundError as error:
        raise WrongState(f"Attempt {run.attempt} of {run.id} left no log.") from error
    head = f"The last {len(lines)} lines of attempt {run.attempt} of `{run.id}`."
    data = {"run": run.id, "attempt": run.attempt, "lines": lines}
    return Reply(head, table=table(("log",), [(line,) for line in lines]), run_id=run.id, data=data)


def compare(desk: Desk, command: Command, caller: Caller) -> Reply:
    """Two runs on the same rows."""
    one, other = (desk.ledger.run(word) for word in _words(command, 2))
    found = ask_child(desk.home, "bot.hosts.compare", one.id, other.id)
    metric, gain = str(found["metric"]), found["difference"]
    word = "not to be told apart from"
    if gain["low"] > 0 or gain["high"] < 0:
        word = "better than" if gain["low"] > 0 else "worse than"
    lines = [
        f"`{one.id}` ({phrases.describe(one.spec)})",
        f"`{other.id}` ({phrases.describe(other.spec)})",
        f"In {metric} on the same {gain['n']:,} {found['split']} rows the first is {word} the "
        f"second: {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}), p = "
        f"{gain['p']:.2g}. {_second_opinion(gain)}",
    ]
    if found["only_right"]:
        first, second = found["only_right"]
        lines.append(f"Only the first has {first:,} rows right, only the second {second:,}.")
    asked = found["asked"]
    lines += [f"Differs: {key} {pair[0]} / {pair[1]}" for key, pair in asked.items()]
    rows = [
        (row["name"], *(phrases.number(Metric.model_validate(value)) for value in row["values"]))
        for row in found["metrics"]
    ]
    return Reply("\n".join(lines), table=table(("metric", one.id, other.id), rows), data=found)


def _second_opinion(gain: Mapping[str, float]) -> str:
    """What swapping the two runs' answers at random says of the same difference."""
    found = f"p = {gain['permutation_p']:.2g}"
    if (gain["p"] < 0.05) == (gain["permutation_p"] < 0.05):
        return f"Swapping their answers at random says the same ({found})."
    return f"Swapping their answers at random says otherwise ({found}): take it as undecided."


def datasets(desk: Desk, command: Command, caller: Caller) -> Reply:
    """The data of every task: version, rows, licence."""
    _words(command, 0)
    found = tasks.tasks(desk.ledger)
    if not found:
        return Reply("No tasks yet. `task add FILE` registers one.", data={"datasets": []})
    rows = []
    for item in found:
        sizes = "/".join(f"{part.rows:,}" for part in item.dataset.splits)
        labels = str(len(item.dataset.labels) or "–")
        rows.append(
            (
                f"{item.task.name} v{item.task.version}",
                item.dataset.content_digest[:12],
                sizes,
                labels,
                item.task.licence or "not given",
                item.added_by,
            )
        )
    columns = ("task", "data", "train/validation/test", "labels", "licence", "by")
    data = {"datasets": [as_json.task_json(item) for item in found]}
    return Reply(f"{len(found)} data sets.", table=table(columns, rows), data=data)


def models(desk: Desk, command: Command, caller: Caller) -> Reply:
    """The bases that can be named, and what of each fits this host."""
    _words(command, 0)
    known = bases.catalogue(desk.settings)
    refs = [
        BaseRef(name=name, path=entry.path, hub=entry.hub, revision=entry.revision)
        for name, entry in known.items()
    ]
    looked = {item["name"]: item for item in look_at_bases(refs)}
    rows = []
    for name, entry in known.items():
        item = looked[name]
        source = f"{entry.hub}@{str(entry.revision)[:7]}" if entry.hub else "local folder"
        retires = f", retires {entry.retires}" if entry.retires else ""
        rows.append(
            (
                name,
                source,
                _size(item["parameters"]),
                item["context"] or "–",
                f"{entry.licence or 'licence not given'}{retires}",
                item["problem"] or _fits(item["memory"]),
            )
        )
    columns = ("base", "from", "parameters", "context", "licence", "memory (LoRA, full)")
    data = {"bases": list(looked.values())}
    return Reply(f"{len(rows)} bases can be named.", table=table(columns, rows), data=data)


def queue(desk: Desk, command: Command, caller: Caller) -> Reply:
    """What runs and what waits."""
    _words(command, 0)
    return answers.queue(desk.ledger)


def budget(desk: Desk, command: Command, caller: Caller) -> Reply:
    """What one has asked for, against what one may."""
    _words(command, 0)
    if caller.person is None:
        raise BadInput("Nobody known asks.")
    waiting = limits.own_waiting(desk.ledger, caller.person)
    today = limits.own_of_a_day(desk.ledger, caller.person)
    given = desk.settings.limits
    rows = [
        ("queued or running", waiting, given.runs_at_once or "no limit"),
        ("asked for in 24 hours", today, given.runs_a_day or "no limit"),
    ]
    data = {"waiting": waiting, "today": today, "limits": given.model_dump(mode="json")}
    text = f"Runs of {caller.person.name}."
    return Reply(text, table=table(("runs", "yours", "allowed"), rows), data=data)


def whoami(desk: Desk, command: Command, caller: Caller) -> Reply:
    """Who one is here, and what one may."""
    _words(command, 0)
    if caller.person is None:
        raise BadInput("Nobody known asks.")
    roles = sorted(role.value for role in caller.person.roles)
    listed = ", ".join(roles) or "no role: you can look"
    text = f"You are *{caller.person.name}* ({caller.identity}), with: {listed}."
    return Reply(text, data={"name": caller.person.name, "roles": roles})


VERBS: Mapping[str, Verb] = {
    "metrics": metrics,
    "why": why,
    "logs": logs,
    "compare": compare,
    "datasets": datasets,
    "models": models,
    "queue": queue,
    "budget": budget,
    "whoami": whoami,
}
SLOW = frozenset({"compare", "models"})


def _words(command: Command, count: int) -> Sequence[str]:
    if len(command.words) != count:
        raise BadInput(f"Write {COMMANDS[command.verb].usage}.")
    return command.words


def _reasons(run: Run, check: Check) -> list[str]:
    lines = [f"*{phrases.WORDS[check.outcome]} {check.id}*: {check.reason}"]
    lines += [f"What to do: {check.advice}"] if check.advice else []
    lines += [f"For example: `rerun {run.id} {check.relaunch}`"] if check.relaunch else []
    return lines


def _size(parameters: int | None) -> str:
    if not parameters:
        return "not known"
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"


def _fits(memory: Mapping[str, Any]) -> str:
    """`0.8 GB, 1.2 GB`: what LoRA and full training need, marked where that is too much."""
    shown = []
    for need in memory.values():
        mark = "" if need["fits"] else " (too much)"
        shown.append(f"{need['needed_bytes'] / 1e9:.1f} GB{mark}")
    return ", ".join(shown)
