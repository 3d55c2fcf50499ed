"""What people decided: persons, reviews, and the links of the chain."""

from storage.records.choices import ReviewState, Role, Verdict
from storage.records.record import Instant, Name, Record


class Person(Record):
    """Somebody known to us, with the roles they have.

    `also` are other names that the same person may have gone by: before the settings named them, a
    member of a user group is called by their id.
    """

    name: Name
    roles: frozenset[Role] = frozenset()
    also: frozenset[Name] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.also | {self.name}


class Review(Record):
    """A request for approval, bound to the digest of the evidence it was made on."""

    id: str
    run_id: str
    task: str
    state: ReviewState
    requested_by: str
    evidence_digest: str
    compared_with: tuple[str, ...] = ()
    approvals_needed: int = 1
    created_at: Instant
    updated_at: Instant


class Decision(Record):
    """One reviewer's approve or reject with a reason: a link of the hash chain."""

    seq: int
    review_id: str
    run_id: str
    person: str
    verdict: Verdict
    reason: str
    evidence_digest: str
    at: Instant
    previous_hash: str
    hash: str
