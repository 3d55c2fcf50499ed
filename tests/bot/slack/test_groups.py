"""Roles by Slack's user groups: asked for, remembered for a while, never assumed."""

from collections.abc import Callable

import pytest
from slack_sdk import WebClient

from bot.actions import Actions
from bot.directory import GroupsUnknown
from bot.settings import Settings
from bot.slack import groups
from bot.slack.groups import UserGroups
from bot.workspace.driver import Workspace
from storage.people import PersonEntry
from storage.records import Role, Run

from .conftest import connected_bot

LAUNCHERS, REVIEWERS = "S0LAUNCH", "S0REVIEW"
ROLES = {LAUNCHERS: (Role.LAUNCHER,), REVIEWERS: (Role.REVIEWER,)}


@pytest.fixture
def grouped(slack_actions: Actions, client: WebClient, workspace: Workspace) -> Actions:
    """A Tuneboard that names ana only; leo launches and reva reviews by their groups."""
    workspace.set_group(LAUNCHERS, "U2")
    workspace.set_group(REVIEWERS, "U2", "U3")
    people = {"ana": PersonEntry(roles=(Role.LAUNCHER,), slack="U1")}
    settings: Settings = slack_actions.settings.model_copy(update={"people": people})
    home, ledger = slack_actions.home, slack_actions.ledger
    return Actions(ledger, home, settings, UserGroups(client, ROLES))


def test_members_have_the_roles_of_their_groups(grouped: Actions) -> None:
    caller = grouped.directory.caller
    leo, reva, ana = (caller(user, "C0MODELS").person for user in ("U2", "U3", "U1"))
    assert leo
    assert leo.roles == {Role.LAUNCHER, Role.REVIEWER}
    assert reva
    assert (reva.name, reva.roles) == ("u3", {Role.REVIEWER})
    assert ana
    assert (ana.name, ana.roles) == ("ana", {Role.LAUNCHER})
    assert caller("U9", "C0MODELS").person is None
    assert grouped.directory.who_have(Role.REVIEWER) == {"u2": "U2", "u3": "U3"}
    assert [grouped.directory.slack_id(name) for name in ("u3", "ana", "u9")] == ["U3", "U1", ""]


def test_slack_is_asked_once_in_five_minutes(grouped: Actions, workspace: Workspace) -> None:
    for _ in range(20):
        grouped.directory.caller("U3", "C0MODELS")
    assert len(workspace.calls("usergroups.users.list")) == len(ROLES)


def test_a_hundred_clicks_at_once_are_one_question(grouped: Actions, workspace: Workspace) -> None:
    for _ in range(100):
        grouped.directory.caller("U3", "C0MODELS", fresh=True)
    assert len(workspace.calls("usergroups.users.list")) == len(ROLES)


@pytest.mark.parametrize("kind", ["ratelimited", "missing_scope", "server_error", "lost_reply"])
def test_where_slack_does_not_say_nobody_has_a_role(
    client: WebClient, workspace: Workspace, kind: str
) -> None:
    workspace.set_group(REVIEWERS, "U3")
    workspace.fail("usergroups.users.list", kind, times=2)
    found = UserGroups(client, {REVIEWERS: (Role.REVIEWER,)})
    for _ in range(2):  # the second is not asked: Slack has just failed
        with pytest.raises(GroupsUnknown, match="try again"):
            found.roles_of("U3")
    assert len(workspace.calls("usergroups.users.list")) == 1
    assert found.members(Role.REVIEWER) == frozenset()


def test_a_group_that_is_not_there_gives_nothing(client: WebClient, workspace: Workspace) -> None:
    workspace.set_group(LAUNCHERS, "U2")
    found = UserGroups(client, ROLES)
    with pytest.raises(GroupsUnknown):
        found.roles_of("U2")


def test_who_left_the_group_decides_no_more(
    grouped: Actions,
    workspace: Workspace,
    finish: Callable[[str], Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "FRESH_S", 0.0)
    with connected_bot(workspace, grouped):
        leo, reva = workspace.user("leo"), workspace.user("reva")
        leo.run("/tune run tickets tfidf", "models")
        workspace.channel("models").wait_for("*queued*")
        run = finish(grouped.ledger.runs()[0].id)
        assert run.requested_by == "u2"
        leo.run(f"/tune submit {run.id}", "models")
        card = workspace.channel("models").wait_for("is *in review*")
        leo.click(card, "approve", reason="mine is good")
        leo.wait_to_see("nobody decides on their own run")
        workspace.set_group(REVIEWERS)
        reva.click(card, "approve", reason="still a reviewer?")
        reva.wait_to_see("I do not know you")
        workspace.set_group(REVIEWERS, "U3")
        workspace.fail("usergroups.users.list", "server_error")
        reva.click(card, "approve", reason="while Slack is away")
        reva.wait_to_see("Slack does not say now who is in its user groups")
        assert grouped.ledger.run(run.id).requested_by == "u2"
        monkeypatch.setattr(groups, "RETRY_S", 0.0)
        reva.click(card, "approve", reason="better than the baseline")
        workspace.channel("models").wait_for("is *approved*")


def test_who_is_listed_later_is_still_the_same_person(grouped: Actions) -> None:
    people = {**grouped.settings.people, "leo": PersonEntry(roles=(Role.REVIEWER,), slack="U2")}
    settings = grouped.settings.model_copy(update={"people": people})
    later = Actions(grouped.ledger, grouped.home, settings, grouped.groups)
    leo = later.directory.caller("U2", "").person
    assert leo
    assert leo.names == {"leo", "u2"}
