"""What can be done: by whom, once, and with an answer that helps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.access import Caller
from bot.actions import Actions
from bot.settings import LimitSettings
from storage import outbox, reviews, tasks
from storage.errors import BadInput, NotAllowed, UnknownName, UserError, WrongState
from storage.ledger import Ledger
from storage.records import AttemptState, ReviewState, Run, RunState
from storage.watches import watchers

Who = Callable[[str], Caller]


def test_a_run_is_queued_and_told_of(actions: Actions, caller: Who) -> None:
    reply = actions.handle("run task=tickets method=tfidf seed=3", caller("U2"), "e1")
    assert reply.run_id is not None
    run = actions.ledger.run(reply.run_id)
    assert (run.state, run.requested_by, run.spec.seed) == (RunState.QUEUED, "leo", 3)
    assert run.spec.dataset_digest == "a" * 64
    assert "queued at place 1" in reply.text
    assert [row.kind for row in outbox.pending(actions.ledger)] == ["run_card"]


def test_the_same_event_three_times_is_one_run(actions: Actions, caller: Who) -> None:
    ids = {actions.handle("run tickets tfidf", caller("U2"), "e1").run_id for _ in range(3)}
    assert len(ids) == len(actions.ledger.runs()) == 1


def test_a_key_stands_for_one_request(actions: Actions, caller: Who) -> None:
    actions.handle("run tickets tfidf", caller("U2"), "nightly")
    for line, who in (("run tickets majority", "U2"), ("run tickets tfidf", "U1")):
        with pytest.raises(WrongState, match="key was used before"):
            actions.handle(line, caller(who), "nightly")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("top tickets and more", "takes one task"),
        ("runs task=nothing", "There is no task 'nothing'"),
        ("task add ~nobody-here/x", "Looking at the data"),
        ("run tickets lora", "starts from a base model"),
        ("run tickets tfidf base=minilm", "uses no base model"),
        ("run tickets lora base=nowhere", "There is no base 'nowhere'"),
        ("run tickets lora base=org/model", "full 40-digit commit hash"),
        ("run tickets lorra", "Did you mean `lora`?"),
        ("run tikets lora", "Did you mean `tickets`?"),
        ("run method=lora", "Tasks: tickets"),
        ("run tickets", "needs a method"),
        ("run tickets tfidf seed=abc", "`seed` is 'abc'"),
        ("run tickets tfidf epochs=3", "not trained in steps: leave out epochs"),
        ("run tickets lora epochs=0 base=minilm", "`epochs` is '0'"),
        ("run tickets lora lr=nan base=minilm", "`lr` is 'nan'"),
        ("run tickets tfidf more words", "I do not know what 'more' means"),
        ("top nothing", "There is no task 'nothing'"),
        ("status", "Nothing is running"),
        ("status r0000000", "There is no run"),
        ("cancel", "takes one RUN"),
        ("approve", "Write approve RUN-OR-REVIEW REASON"),
        ("task add ../x.toml", "Looking at the data"),
    ],
)
def test_bad_words_get_a_helpful_answer_and_change_nothing(
    actions: Actions, caller: Who, line: str, said: str
) -> None:
    try:
        answer = actions.handle(line, caller("U1"), "e1").text
    except UserError as error:
        answer = str(error)
    assert said in answer
    assert actions.ledger.runs() == ()


def test_a_stranger_is_told_how_to_get_in(actions: Actions, caller: Who) -> None:
    for line in ("run tickets tfidf", "runs", "top tickets", "task list", "plan tickets tfidf"):
        with pytest.raises(NotAllowed, match=r'slack = "U9"'):
            actions.handle(line, caller("U9"), "e1")
    assert "what can be asked" in actions.handle("help", caller("U9"), "e2").text


def test_a_reviewer_cannot_launch(actions: Actions, caller: Who) -> None:
    with pytest.raises(NotAllowed, match="you \\(reva\\) have reviewer"):
        actions.handle("run tickets tfidf", caller("U3"), "e1")


def test_only_the_owner_cancels(actions: Actions, caller: Who) -> None:
    run_id = actions.handle("run tickets tfidf", caller("U1"), "e1").run_id
    with pytest.raises(NotAllowed, match="belongs to ana"):
        actions.handle(f"cancel {run_id}", caller("U2"), "e2")
    assert "is cancelled" in actions.handle(f"cancel {run_id}", caller("U1"), "e3").text
    with pytest.raises(WrongState):
        actions.ledger.request_cancel(str(run_id), "ana")


def test_review_from_submission_to_approval(
    actions: Actions, caller: Who, finish: Callable[[str], Run]
) -> None:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    with pytest.raises(WrongState, match="only a succeeded run"):
        actions.handle(f"submit {run_id}", caller("U1"), "e2")
    finish(run_id)
    review_id = str(actions.handle(f"submit {run_id}", caller("U1"), "e3").review_id)
    with pytest.raises(NotAllowed, match="own run"):
        actions.handle(f"approve {review_id} looks good", caller("U1"), "e4")
    with pytest.raises(BadInput, match="reason is required"):
        actions.handle(f"approve {review_id}", caller("U3"), "e5")
    reply = actions.handle(f"approve {run_id} it's better", caller("U3"), "e6")
    assert "*approved*" in reply.text
    assert reviews.get(actions.ledger, review_id).state is ReviewState.APPROVED
    assert reviews.decisions(actions.ledger)[0].reason == "it's better"


def test_a_run_that_is_not_on_the_board_yet_is_not_reviewed(
    actions: Actions, caller: Who, finish: Callable[[str], Run]
) -> None:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    finish(run_id)
    (actions.home.board / "CURRENT").unlink()
    with pytest.raises(WrongState, match="not on the board yet"):
        actions.handle(f"submit {run_id}", caller("U1"), "e2")


@pytest.mark.parametrize("path", ["~nobody-here/x.toml", "x" * 300, "nul\0.toml"])
def test_a_path_that_cannot_be_is_explained(actions: Actions, caller: Who, path: str) -> None:
    with pytest.raises(BadInput, match="is not a path here"):
        actions.handle_slow(f"task add {path}", caller("U1"), "e1")


def test_from_chat_only_files_below_the_roots_can_be_named(
    actions: Actions, caller: Who, tmp_path: Path
) -> None:
    (tmp_path / "task.toml").write_text("")
    with pytest.raises(NotAllowed, match="outside the data roots"):
        actions.handle_slow(f"task add {tmp_path / 'task.toml'}", caller("U1"), "e1")


def test_a_link_out_of_the_roots_is_followed_and_refused(
    actions: Actions, caller: Who, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.toml").write_text("")
    (root / "task.toml").symlink_to(tmp_path / "secret.toml")
    settings = actions.settings.model_copy(
        update={"data": actions.settings.data.model_copy(update={"roots": (str(root),)})}
    )
    inside = Actions(actions.ledger, actions.home, settings)
    with pytest.raises(NotAllowed, match="outside the data roots"):
        inside.handle_slow(f"task add {root / 'task.toml'}", caller("U1"), "e1")


def test_from_chat_a_folder_is_no_base(actions: Actions, caller: Who, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UnknownName, match="There is no base"):
        actions.handle(f"run tickets lora base={tmp_path}", caller("U1"), "e1")


def test_several_shares_of_train_are_several_runs_and_once_only(
    actions: Actions, caller: Who
) -> None:
    for _ in range(3):
        reply = actions.handle("run tickets tfidf subset=10%,0.3,100%", caller("U2"), "e1")
    runs = {run.spec.subset: run for run in actions.ledger.runs()}
    assert set(runs) == {0.1, 0.3, None}
    assert reply.run_id == runs[None].id
    assert reply.text.count("Run `") == 3
    assert "10 % of train" in reply.text


def test_tasks_that_are_learnt_together_are_a_run_each_and_wait_for_the_first(
    actions: Actions, caller: Who
) -> None:
    found = tasks.task(actions.ledger, "tickets")
    second = found.task.model_copy(update={"name": "spam"})
    tasks.add_task(actions.ledger, second, found.dataset, 'name = "spam"', "ana")
    for _ in range(3):
        line = "run tasks=tickets:1,spam:2 method=lora base=minilm epochs=2"
        reply = actions.handle(line, caller("U2"), "e1")
    newest, first = actions.ledger.runs()
    assert reply.text.count("Run `") == 2
    assert (first.spec.task.name, newest.spec.task.name) == ("tickets", "spam")
    assert [(one.task.name, one.weight) for one in first.spec.mix] == [("spam", 2.0)]
    assert [(one.task.name, one.weight) for one in newest.spec.mix] == [("tickets", 1.0)]
    assert newest.spec.shared is not None
    assert newest.spec.shared.run_id == first.id
    assert f"learnt with tickets:1 in {first.id}" in reply.text

    claimed = actions.ledger.claim_next_run("host")
    assert claimed is not None
    assert claimed[0].id == first.id
    assert actions.ledger.claim_next_run("host") is None
    actions.ledger.move_attempt(first.id, 1, AttemptState.SUBMITTED, "host")
    actions.ledger.move_attempt(first.id, 1, AttemptState.RUNNING, "host")
    failed = AttemptState.FAILED
    actions.ledger.end_attempt(first.id, 1, failed, "host", run_state=RunState.FAILED)
    claimed = actions.ledger.claim_next_run("host")
    assert claimed is not None
    assert claimed[0].id == newest.id


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run tasks=tickets method=lora base=minilm", "at least two"),
        ("run tasks=tickets,nope method=lora base=minilm", "There is no task 'nope'"),
        ("run tasks=tickets:x,tickets method=lora base=minilm", "the weight 'x' for tickets"),
        ("run tasks=tickets:0,tickets method=lora base=minilm", "the weight '0' for tickets"),
        ("run tasks=tickets,tickets method=lora base=minilm", "named once"),
        ("run tickets lora tasks=tickets base=minilm", "I do not know what 'lora'"),
        ("run task=tickets tasks=tickets method=lora", "not both"),
        ("run tickets tfidf subset=none", "give a share of the training rows"),
        ("run tickets tfidf subset=120%", "give a share of the training rows"),
        (f"run tickets tfidf subset={','.join(['1%'] * 11)}", "at most 10 at once"),
        ("run tickets lora from=r1m7yr87y2xb0h", "no run"),
        ("run tickets zero_shot base=minilm scoring=head", "has no head"),
        ("run tickets tfidf scoring=label_words", "does not answer with words"),
        ("run tickets tfidf shots=3", "belongs to method 'few_shot'"),
        ("run tickets few_shot base=minilm prompt=none", "the task has no prompt 'none'"),
        ("run tickets zero_shot base=minilm epochs=3", "is not trained in steps"),
        ("run tickets lora base=minilm rank=0", "`rank` is '0'"),
        ("run tickets lora base=minilm lr=10", "`lr` is '10'"),
        ("run tickets lora base=minilm epochs=-1", "`epochs` is '-1'"),
    ],
)
def test_keys_that_do_not_fit_are_explained(
    actions: Actions, caller: Who, line: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        actions.handle(line, caller("U2"), "e1")
    assert actions.ledger.runs() == ()


def test_a_run_goes_on_from_an_adapter_of_its_own_base(
    actions: Actions, caller: Who, finish: Callable[[str], Run]
) -> None:
    first = actions.handle("run tickets lora base=minilm", caller("U2"), "e1").run_id or ""
    with pytest.raises(BadInput, match="needs a run of lora or qlora that succeeded"):
        actions.handle(f"run tickets lora from=run:{first}", caller("U2"), "e2")
    finish(first)
    weights = actions.home.run(first).adapter / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    second = actions.handle(f"run tickets lora from=run:{first}", caller("U2"), "e3").run_id or ""
    spec = actions.ledger.run(second).spec
    assert spec.parent is not None
    assert spec.parent.run_id == first
    assert spec.base == actions.ledger.run(first).spec.base
    with pytest.raises(BadInput, match="goes on with a run's adapter"):
        actions.handle(f"run tickets tfidf from={first}", caller("U2"), "e4")


@pytest.mark.parametrize("verb", ["metrics", "why", "logs", "compare", "retry", "rerun", "watch"])
def test_verbs_about_a_run_ask_for_one(actions: Actions, caller: Who, verb: str) -> None:
    wanted = actions.handle_slow if verb == "compare" else actions.handle
    with pytest.raises(BadInput, match=verb):
        wanted(verb, caller("U1"), "e1")


def test_a_run_is_looked_at_from_all_sides(
    actions: Actions, caller: Who, finish: Callable[[str], Run]
) -> None:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    with pytest.raises(WrongState, match="has no numbers"):
        actions.handle(f"metrics {run_id}", caller("U1"), "e2")
    with pytest.raises(WrongState, match="has no log yet"):
        actions.handle(f"logs {run_id}", caller("U1"), "e3")
    finish(run_id)
    place = actions.home.run(run_id).log_file(1)
    place.write_text("one\nwith hf_abcdefghijkl in it\n")
    said = actions.handle(f"logs {run_id}", caller("U3"), "e4")
    assert said.data["lines"] == ["one", "with [secret] in it"]


def test_a_run_is_started_again_as_it_was_or_changed(actions: Actions, caller: Who) -> None:
    first = str(actions.handle("run tickets lora base=minilm epochs=2", caller("U1"), "e1").run_id)
    with pytest.raises(WrongState, match="is queued; `retry`"):
        actions.handle(f"retry {first}", caller("U1"), "e2")
    actions.handle(f"cancel {first}", caller("U1"), "e3")
    again = str(actions.handle(f"retry {first}", caller("U2"), "e4").run_id)
    assert again != first
    assert actions.ledger.run(again).spec == actions.ledger.run(first).spec
    line = f"rerun {first} epochs=1 seed=7 rank=4"
    for _ in range(2):
        changed = str(actions.handle(line, caller("U2"), "e5").run_id)
    spec = actions.ledger.run(changed).spec
    assert (spec.training.epochs, spec.training.rank, spec.seed) == (1, 4, 7)
    assert len(actions.ledger.runs()) == 3
    tfidf = str(actions.handle(f"rerun {first} method=tfidf", caller("U2"), "e6").run_id)
    assert actions.ledger.run(tfidf).spec.base is None
    with pytest.raises(BadInput, match="`epochs` is '0'"):
        actions.handle(f"rerun {first} epochs=0", caller("U2"), "e7")


def test_a_preset_stands_for_keys_and_what_is_typed_counts_more(
    actions: Actions, caller: Who
) -> None:
    line = "run tickets lora base=minilm preset=thorough patience=2"
    run = actions.ledger.run(str(actions.handle(line, caller("U1"), "e1").run_id))
    assert (run.spec.training.epochs, run.spec.training.patience) == (6, 2)
    with pytest.raises(UnknownName, match="Did you mean `quick`"):
        actions.handle("run tickets lora base=minilm preset=quik", caller("U1"), "e2")
    with pytest.raises(BadInput, match="is not trained in steps"):
        actions.handle("run tickets tfidf preset=quick", caller("U1"), "e3")


def test_a_review_is_taken_back_by_its_own_people(
    actions: Actions, caller: Who, finish: Callable[[str], Run]
) -> None:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    finish(run_id)
    review_id = str(actions.handle(f"submit {run_id}", caller("U1"), "e2").review_id)
    with pytest.raises(NotAllowed, match="asked for by ana"):
        actions.handle(f"withdraw {review_id}", caller("U2"), "e3")
    actions.handle(f"withdraw {run_id} a better one is coming", caller("U1"), "e4")
    assert reviews.get(actions.ledger, review_id).state is ReviewState.WITHDRAWN
    with pytest.raises(WrongState):
        actions.handle(f"approve {review_id} too late", caller("U3"), "e5")


def test_a_person_has_so_many_runs(ledger: Ledger, actions: Actions, caller: Who) -> None:
    limits = LimitSettings(runs_at_once=2, runs_a_day=3)
    settings = actions.settings.model_copy(update={"limits": limits})
    limited = Actions(ledger, actions.home, settings)
    ids = [str(limited.handle("run tickets tfidf", caller("U2"), f"e{n}").run_id) for n in range(2)]
    assert limited.handle("run tickets tfidf", caller("U2"), "e1").run_id == ids[1]
    with pytest.raises(NotAllowed, match="over the 2 that one person"):
        limited.handle("run tickets tfidf", caller("U2"), "e2")
    limited.handle(f"cancel {ids[0]}", caller("U2"), "e3")
    with pytest.raises(NotAllowed, match="over the 2"):
        limited.handle("run tickets tfidf subset=10%,20%", caller("U2"), "e4")
    limited.handle("run tickets tfidf", caller("U2"), "e5")
    limited.handle(f"cancel {ids[1]}", caller("U2"), "e6")
    with pytest.raises(NotAllowed, match="3 are allowed"):
        limited.handle("run tickets tfidf", caller("U2"), "e7")
    assert "3" in str(limited.handle("budget", caller("U2"), "e8").table)
    limited.handle("run tickets tfidf", caller("U1"), "e9")


def test_runs_are_asked_for_in_some_channels_only(actions: Actions, caller: Who) -> None:
    slack = actions.settings.slack.model_copy(update={"launch_channels": ("C7",)})
    settings = actions.settings.model_copy(update={"slack": slack})
    limited = Actions(actions.ledger, actions.home, settings)
    with pytest.raises(NotAllowed, match="certain channels only"):
        limited.handle("run tickets tfidf", caller("U2"), "e1")
    for channel in ("C7", "D1"):
        inside = replace(caller("U2"), channel=channel)
        assert limited.handle("run tickets tfidf", inside, f"e{channel}").run_id


@pytest.mark.parametrize(
    "secret", ["hf_abcdefghijklmnop", "xoxb-1234-abcd", "sk-abcdefghijklmnopqrst"]
)
def test_what_looks_like_a_secret_is_not_stored(actions: Actions, caller: Who, secret: str) -> None:
    for line in (f"run tickets tfidf label={secret}", f"plan tickets tfidf {secret}"):
        with pytest.raises(BadInput, match="revoke it"):
            actions.handle(line, caller("U1"), "e1")
    assert secret not in "".join(str(row) for row in outbox.pending(actions.ledger))


def test_who_one_is_and_what_there_is(actions: Actions, caller: Who) -> None:
    assert "*leo* (U2), with: launcher" in actions.handle("whoami", caller("U2"), "e1").text
    assert "tickets v1" in str(actions.handle("datasets", caller("U2"), "e2").table)
    assert "Nothing is running" in actions.handle("queue", caller("U2"), "e3").text
    assert "1 task." in actions.handle("tasks", caller("U2"), "e4").text
    found = actions.handle_slow("models", caller("U2"), "e5")
    assert "minilm" in str(found.table)


def test_people_are_told_of_runs_they_watch(actions: Actions, caller: Who) -> None:
    run_id = str(actions.handle("run tickets tfidf", caller("U1"), "e1").run_id)
    run = actions.ledger.run(run_id)
    assert watchers(actions.ledger, run) == ("ana",)
    actions.handle(f"watch {run_id}", caller("U3"), "e2")
    actions.handle(f"mute {run_id}", caller("U1"), "e3")
    assert watchers(actions.ledger, run) == ("reva",)
