"""Waivers: a reviewer's word that a check need not hold for one run, for a while.

They are only ever inserted and stay visible in every gate; an end date, not a deletion, ends one.
"""

from datetime import date, timedelta

from sqlalchemy import text

from storage.database import new_id
from storage.errors import BadInput, NotAllowed, UnknownName, WrongState
from storage.judgements import Waiver
from storage.ledger import Ledger
from storage.ledger_rows import record_transition
from storage.records import Person, Policy, Role, Run, now

LONGEST = timedelta(days=366)
"""A waiver is for a while; what always holds belongs into the policy."""


def waive(
    ledger: Ledger, run: Run, policy: Policy, check: str, person: Person, until: date, reason: str
) -> Waiver:
    """Note that a check need not hold for a run until a day.

    Raises:
        NotAllowed: The person is no reviewer, or it is their own run.
        UnknownName: The policy has no rule of this name.
        WrongState: The rule cannot be waived.
        BadInput: There is no reason, or the day is past or too far off.
    """
    _require_reviewer(person, run)
    rule = next((rule for rule in policy.check if rule.id == check), None)
    if rule is None:
        listed = ", ".join(rule.id for rule in policy.check if rule.waivable) or "none"
        raise UnknownName(f"The policy has no rule {check!r}. Rules that can be waived: {listed}.")
    if not rule.waivable:
        raise WrongState(f"The policy does not let {check!r} be waived. Change the policy, or run.")
    reason = " ".join(reason.split())
    if not reason:
        raise BadInput(f"A reason is required: `waive {run.id} {check} until={until} because …`.")
    today = now().date()
    if not today <= until <= today + LONGEST:
        raise BadInput(
            f"`until` is {until}; a day between today ({today}) and a year from now is needed."
        )
    waiver = Waiver(
        id=new_id("w"),
        run_id=run.id,
        check=check,
        person=person.name,
        reason=reason,
        until=until,
        at=now(),
    )
    _insert(ledger, run, waiver)
    return waiver


def waivers(ledger: Ledger, run_id: str | None = None) -> tuple[Waiver, ...]:
    """Waivers in the order they were given: of one run, or all; ended ones too."""
    query = "select * from waivers where :id = '' or run_id = :id order by given_at, id"
    with ledger.read() as db:
        return tuple(
            Waiver(
                id=row.id,
                run_id=row.run_id,
                check=row.check_id,
                person=row.person,
                reason=row.reason,
                until=row.until,
                at=row.given_at,
            )
            for row in db.execute(text(query), {"id": run_id or ""})
        )


def _require_reviewer(person: Person, run: Run) -> None:
    if Role.REVIEWER not in person.roles:
        raise NotAllowed(
            f"To waive a check, the role 'reviewer' is needed; {person.name} does not have it. "
            "An admin can add it under [people] in tuneboard.toml."
        )
    if run.requested_by in person.names:
        raise NotAllowed(
            f"{run.id} was requested by you ({person.name}); nobody waives a check of their own "
            "run. Ask another reviewer."
        )


def _insert(ledger: Ledger, run: Run, waiver: Waiver) -> None:
    with ledger.write(durable=True) as db:
        db.execute(
            text(
                "insert into waivers (id, run_id, check_id, person, reason, until, given_at)"
                " values (:id, :run_id, :check, :person, :reason, :until, :at)"
            ),
            waiver.model_dump(mode="json"),
        )
        why = f"{waiver.check} waived until {waiver.until}: {waiver.reason}"
        record_transition(db, "run", run.id, run.state, run.state, waiver.person, why)
