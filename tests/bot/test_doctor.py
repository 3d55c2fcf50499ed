"""`tuneboard doctor` on a good and on a broken set-up."""

from pathlib import Path

import pytest

from bot.actions import Actions
from bot.doctor import Finding, doctor
from bot.settings import BaseEntry, DataSettings, HostSettings, SlackSettings
from bot.workspace.processes import running_workspace
from bot.workspace.seed import SeedChannel, new_seed
from storage.ledger import Ledger


def findings(actions: Actions) -> dict[str, Finding]:
    found = doctor(actions, ()).data["findings"]
    return {one["about"]: Finding(**one) for one in found}


def test_a_good_setup_has_nothing_to_mend(actions: Actions) -> None:
    reply = doctor(actions, ())
    assert reply.text == "Nothing must be mended."
    assert reply.exit_code == 0
    found = findings(actions)
    assert found["people"].grade == "good"
    assert found["decisions"].found == "0, unbroken"
    assert found["base minilm"].found == "can be loaded"
    assert found["board"].mend
    assert "no tokens" in found["Slack"].found


def test_what_is_broken_is_named_with_its_mending(
    ledger: Ledger, actions: Actions, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    settings = actions.settings.model_copy(
        update={
            "people": {},
            "data": DataSettings(roots=(str(tmp_path / "nowhere"),)),
            "bases": {"gone": BaseEntry(path=str(empty))},
            "hosts": HostSettings(gpus=(97,)),
        }
    )
    broken = Actions(ledger, actions.home, settings)
    reply = doctor(broken, ())
    assert reply.exit_code == 1
    assert "must be mended" in reply.text
    found = findings(broken)
    for about in ("people", f"data root {tmp_path / 'nowhere'}", "base gone", "GPUs"):
        assert found[about].grade == "bad", about
        assert found[about].mend


def test_slack_is_asked_and_nothing_is_posted(
    ledger: Ledger, actions: Actions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = (
        SeedChannel(id="C0MODELS", name="models", members=("U0ANA", "U0TUNEBOARD")),
        SeedChannel(id="C0ALONE", name="alone", members=("U0ANA",)),
    )
    with running_workspace(tmp_path, new_seed(channels=channels)) as workspace:
        monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.seed.bot_token)
        monkeypatch.setenv("SLACK_APP_TOKEN", workspace.seed.app_token)

        def looked(channel: str, team: str) -> dict[str, Finding]:
            slack = SlackSettings(team=team, channel=channel, api_url=workspace.api_url)
            settings = actions.settings.model_copy(update={"slack": slack})
            return findings(Actions(ledger, actions.home, settings))

        good = looked("C0MODELS", workspace.seed.team_id)
        for about in ("bot token", "app token", "scopes", "clock", "channel C0MODELS"):
            assert good[about].grade == "good", good[about]
        bad = looked("C0ALONE", "T0OTHER")
        assert bad["bot token"].grade == "bad"
        assert "not_in_channel" in bad["channel C0ALONE"].found
        assert "/invite" in bad["channel C0ALONE"].mend
        monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-wrong")
        assert "invalid_auth" in looked("C0MODELS", workspace.seed.team_id)["bot token"].found
        assert workspace.calls("chat.postMessage") == []
