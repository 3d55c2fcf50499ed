"""What the policy makes of a run's checks, each in one row with its number. Pure."""

from collections.abc import Iterable, Sequence

from leaderboard import words
from leaderboard.markup import outcome, table, text
from leaderboard.tables import cell, sub
from storage.judgements import Finding, Gate
from storage.records import Check, Outcome

EFFECTS = ("block", "waived", "warn", "shown", "pass")
"""What a rule of the policy does, the gravest first."""

Judged = tuple[Finding | None, Check | None]
"""A rule's finding and the check it is about; one of them may be missing."""


def judged(checks: Sequence[Check], policy: Gate | None) -> tuple[str, str]:
    """What blocks or warns, and all the rest, as two tables; empty where there is none.

    Args:
        checks: Of the run and of the board, what needs attention first.
        policy: What the task's policy makes of them; None where it was not asked.
    """
    rows = _paired(checks, policy.findings) if policy else [(None, check) for check in checks]
    first = [row for row in rows if _needs_attention(row)]
    rest = [row for row in rows if not _needs_attention(row)]
    return _table(first, ruled=policy is not None), _table(rest, ruled=policy is not None)


def _paired(checks: Sequence[Check], findings: Iterable[Finding]) -> list[Judged]:
    by_id: dict[str, list[Check]] = {}
    for check in checks:
        by_id.setdefault(check.id, []).append(check)
    rows: list[Judged] = []
    for finding in sorted(findings, key=lambda found: EFFECTS.index(found.effect)):
        found = by_id.pop(finding.id, [])
        if len(found) == 1:
            rows.append((finding, found[0]))
        else:  # none, or several where one is expected: the finding says which
            rows += [(finding, None), *((None, check) for check in found)]
    return rows + [(None, check) for several in by_id.values() for check in several]


def _needs_attention(row: Judged) -> bool:
    finding, check = row
    if finding is not None:
        return finding.effect in {"block", "waived", "warn"}
    return check is not None and check.outcome in {Outcome.FAIL, Outcome.WARN}


def _table(rows: Sequence[Judged], *, ruled: bool) -> str:
    if not rows:
        return ""
    columns = ["Outcome", "Check", "Policy", "Measured", "Limit", "n", "What was found"]
    cells = [_cells(finding, check) for finding, check in rows]
    if not ruled:
        columns.remove("Policy")
        cells = [[*row[:2], *row[3:]] for row in cells]
    return table(columns, cells, "tb-checks")


def _cells(finding: Finding | None, check: Check | None) -> list[str]:
    identity = check.id if check else finding.id if finding else ""
    found = finding.outcome if finding else check.outcome if check else Outcome.NOT_RUN
    return [
        outcome(found),
        f'<span class="tb-strong">{text(words.check(identity))}</span>',
        text(words.EFFECTS[finding.effect]) if finding else sub("no rule"),
        _measured(check),
        cell("–" if check is None or check.limit is None else words.figure(check.limit)),
        cell(f"{check.n:,}" if check and check.n else "–"),
        _said(finding, check),
    ]


def _said(finding: Finding | None, check: Check | None) -> str:
    """The reason, what to do, the keys of a run that does it, and who took the rule away."""
    reason = finding.reason if finding else check.reason if check else ""
    advice = sub(check.advice) if check else ""
    return f"{text(reason)}{advice}{_relaunch(check)}{sub(_waiver(finding))}"


def _relaunch(check: Check | None) -> str:
    if check is None or not check.relaunch:
        return ""
    return f'<code class="tb-mono">/tune run … {text(check.relaunch)}</code>'


def _waiver(finding: Finding | None) -> str:
    if finding is None or finding.waiver is None:
        return ""
    waiver = finding.waiver
    return f"Waived by {waiver.person} until {waiver.until}: {waiver.reason}"


def _measured(check: Check | None) -> str:
    if check is None or check.value is None:
        return sub(words.MISSING)
    between = ""
    if check.low is not None and check.high is not None:
        between = f"{words.figure(check.low)} to {words.figure(check.high)}"
    return f'<span class="tb-num">{words.figure(check.value)}</span>{sub(between)}'
