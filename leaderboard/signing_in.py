"""Who looks at the pages: a person of the settings, if an OpenID provider says so, or nobody known.

Streamlit does the logging in (`st.login`), by the `[auth]` section of its secrets. Where there is
none, nobody is known and the pages only read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from storage.home import Home
from storage.ledger import Ledger
from storage.people import person_where, read_people
from storage.records import Person, Role, Task

_REMEMBER = """<script>
sessionStorage.setItem("tuneboard-place", location.pathname + location.search)
</script>"""
_RETURN = """<script>
const place = sessionStorage.getItem("tuneboard-place");
sessionStorage.removeItem("tuneboard-place");
if (place && place.startsWith("/") && !place.startsWith("//")) location.replace(place);
</script>"""
"""The place is kept by the browser's tab, for the way to the provider and back."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who looks at a page.

    Attributes:
        can_log_in: Whether a provider is configured.
        identity: What the provider calls them; empty before they logged in.
        person: None for a stranger, and for everybody where nobody can log in.
    """

    can_log_in: bool = False
    identity: str = ""
    person: Person | None = None

    @property
    def is_reviewer(self) -> bool:
        return self.person is not None and bool(self.person.roles & {Role.REVIEWER, Role.ADMIN})

    @property
    def sees_sensitive_texts(self) -> bool:
        """Where people log in, texts of tasks with sensitive columns are for reviewers."""
        return self.is_reviewer or not self.can_log_in


def visitor(home: Home) -> Visitor:
    """Who looks at this page, asked anew each time: a role taken away is gone at the next click.

    Raises:
        BadInput: The settings cannot be read.
    """
    claims = st.user.to_dict()
    if "is_logged_in" not in claims:
        return Visitor()
    if not claims["is_logged_in"]:
        return Visitor(can_log_in=True)
    names = _names(claims)
    people = read_people(home)
    known = (person_where(people, "login", name) for name in names)
    person = next((found for found in known if found is not None), None)
    return Visitor(True, next(iter(names), "without a name"), person)


def _names(claims: Mapping[str, object]) -> list[str]:
    """What a provider vouches for: the subject, and an e-mail address that it says it verified."""
    subject, email = str(claims.get("sub") or ""), str(claims.get("email") or "")
    verified = claims.get("email_verified") is True
    return [name for name in (email if verified else "", subject) if name]


def may_see_texts(home: Home, task: Task) -> bool:
    """Whether texts of a task may be shown to this visitor."""
    return not task.has_sensitive_texts or visitor(home).sees_sensitive_texts


def say_texts_are_hidden() -> None:
    st.info(
        "The texts of this task are sensitive: reviewers see them when they are logged in.",
        icon=":material/visibility_off:",
    )


def sees_texts(home: Home, task: Task) -> bool:
    """The same; says why not, and lets the visitor log in. Once a page, for its button's sake."""
    if may_see_texts(home, task):
        return True
    say_texts_are_hidden()
    show_who(visitor(home))
    return False


def return_to_place() -> None:
    """After logging in, which ends at the first page: go back to where it began."""
    if st.user.to_dict().get("is_logged_in"):
        st.html(_RETURN, unsafe_allow_javascript=True)


def show_who(found: Visitor) -> None:
    """A line with a button, on the pages where it matters who looks."""
    if not found.can_log_in:
        return
    if not found.identity:
        st.html(_REMEMBER, unsafe_allow_javascript=True)
        if st.button("Log in", icon=":material/login:", type="primary"):
            st.login()
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    roles = ", ".join(sorted(role.value for role in found.person.roles)) if found.person else ""
    left.caption(
        f"You are {found.person.name} ({roles or 'no role'})."
        if found.person
        else f"You are logged in as {found.identity}, whom the settings do not name: an admin can "
        f'add `login = "{found.identity}"` under [people] in tuneboard.toml.'
    )
    if right.button("Log out", icon=":material/logout:"):
        st.logout()


@contextmanager
def opened_ledger(home: Home) -> Iterator[Ledger]:
    """The ledger, for what a visitor does; pages read from the board instead."""
    ledger = Ledger.open(home.ledger_file)
    try:
        yield ledger
    finally:
        ledger.close()
