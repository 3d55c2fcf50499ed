"""Every error of ours, as one tree.

TuneboardError
├── UserError               the person can mend it; the message is shown as it is (exit code 2)
│   ├── BadInput            a word, key, value or file is not what was expected
│   │   ├── UnknownName     a run, task, base or verb that does not exist (with suggestions)
│   │   └── BadData         a task's rows cannot be used; says where
│   └── Refused             understood, and not allowed (exit code 3)
│       ├── NotAllowed      the person lacks the role
│       ├── WrongState      the thing is no longer in a state where this can be done
│       ├── EvidenceChanged the evidence is not what was put up for review
│       └── Blocked         the task's policy does not let this run be approved
└── InternalError           ours to mend; the person gets a reference, the log the traceback
    ├── IllegalTransition   a state machine was asked for a step it does not have
    ├── LostRace            another process changed the row first
    ├── CorruptFolder       a run folder does not hold what its manifest says
    ├── ChainBroken         the decisions in the ledger are not what was written
    ├── HostUnavailable     a host cannot be asked or has no room now; nothing is known, ask again
    └── HostRefused         a host will never take this attempt
"""


class TuneboardError(Exception):
    """Anything of ours that can go wrong."""


class UserError(TuneboardError):
    """The person can mend it: says what was found, what was expected and what to do."""

    exit_code = 2


class BadInput(UserError):
    """A word, key, value or file is not what was expected."""


class UnknownName(BadInput):
    """A run, task, base, method or verb that does not exist."""


class BadData(BadInput):
    """A task's rows cannot be used; the message says where (file, row, column) and what to do."""


class Refused(UserError):
    """Understood, and not allowed."""

    exit_code = 3


class NotAllowed(Refused):
    """The person lacks the role for this, or would decide on their own run."""


class WrongState(Refused):
    """The thing is no longer in a state where this can be done."""


class EvidenceChanged(Refused):
    """The evidence on disk is not what was put up for review."""


class Blocked(Refused):
    """The task's policy does not let this run be approved; the message says which checks."""


class InternalError(TuneboardError):
    """Ours to mend: the person gets a reference, the log gets the traceback."""


class IllegalTransition(InternalError):
    """A state machine was asked for a step it does not have."""


class LostRace(InternalError):
    """Another process changed the row first; read it again."""


class CorruptFolder(InternalError):
    """A run folder does not hold what its manifest says."""


class ChainBroken(InternalError):
    """The decisions in the ledger are not the ones that were written."""


class HostUnavailable(InternalError):
    """A host cannot be asked, or has no room, just now: nothing is known, so ask again."""


class HostRefused(InternalError):
    """A host will never take this attempt."""
