"""Forms: opened by a command or a button, checked at their fields, sent once.

A trigger is worth 3 s, so that a form is opened while its request is being worked on. What was
typed is a command like any other: it is parsed, checked and done by `Actions`, as the person who
sent the form.
"""

from collections.abc import Mapping
from datetime import timedelta

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot import bases, phrases, specs
from bot.access import ANYONE_KNOWN, LAUNCH, require
from bot.actions import Actions
from bot.commands import Command, parse
from bot.slack import blocks, questions, speech, views
from bot.slack.listeners.modals import at_field, metadata_of, open_form, sender, values_of
from bot.slack.listeners.new_task import open_new_task
from bot.slack.listeners.origin import Body, caller_of, key_of, target_of
from storage import tasks
from storage.errors import BadInput, UserError
from storage.records import Verdict, now


def register(app: App, actions: Actions) -> None:
    """Listen to buttons that open a form, and to forms."""

    @app.action(views.OPEN_LAUNCH)
    def new_run(ack: Ack, body: Body, client: WebClient) -> None:
        open_launch(actions, client, body, _place(body))
        ack()

    @app.action(views.RERUN)
    def again(ack: Ack, body: Body, client: WebClient) -> None:
        open_launch(actions, client, body, _place(body), str(body["actions"][0].get("value", "")))
        ack()

    @app.action(blocks.START_RUN)
    def start(ack: Ack, body: Body) -> None:
        """A plan is started once, by whoever may launch, whatever the button says of people."""
        command = _planned(body)
        place = body.get("container") or {}
        key = f"slack:plan:{place.get('channel_id')}:{place.get('message_ts')}"
        reply = actions.perform(command, caller_of(actions.directory, body), key)
        speech.say(actions.ledger, blocks.reply_message(reply), target_of(body), key_of(body))
        ack()

    @app.action(blocks.LEAVE_RUN)
    def leave(ack: Ack, body: Body) -> None:
        """The plan goes, so that nobody starts it later by mistake."""
        target = target_of(body).model_copy(update={"replace": True})
        speech.say(
            actions.ledger, blocks.note_message("Nothing was started."), target, key_of(body)
        )
        ack()

    @app.action(blocks.CHANGE_RUN)
    def change(ack: Ack, body: Body, client: WebClient) -> None:
        options = specs.with_plain_words(_planned(body))
        open_launch(actions, client, body, _place(body), values=options)
        ack()

    @app.view(views.LAUNCH)
    def launch(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        try:
            command = launch_command(values_of(view), str(metadata_of(view).get("rerun", "")))
            reply = actions.perform(command, caller, f"slack:view:{view['id']}")
        except UserError as error:
            ack(response_action="errors", errors=at_field(str(error), views.FIELDS, "more"))
            return
        message = blocks.reply_message(reply)
        speech.say(actions.ledger, message, place, f"view:{view['id']}")
        ack()

    @app.view(views.DECIDE)
    def decide(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        about = metadata_of(view)
        reason = values_of(view).get(blocks.REASON_INPUT, "")
        try:
            verdict = Verdict(str(about.get("verdict")))
            reply = actions.decide(str(about.get("review")), verdict, reason, caller)
        except UserError as error:
            ack(response_action="errors", errors={blocks.REASON_BLOCK: str(error)[:2000]})
            return
        message = blocks.reply_message(reply)
        speech.say(actions.ledger, message, place, f"view:{view['id']}")
        ack()

    @app.view(views.ASK)
    def ask(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        question = values_of(view).get(blocks.REASON_INPUT, "")
        try:
            reply = questions.ask(
                actions, str(metadata_of(view).get("review")), question, caller, str(view["id"])
            )
        except UserError as error:
            ack(response_action="errors", errors={views.QUESTION: str(error)[:2000]})
            return
        speech.say(actions.ledger, blocks.reply_message(reply), place, f"view:{view['id']}")
        ack()

    @app.view(views.WAIVE)
    def waive(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        given = values_of(view)
        try:
            run = actions.run_of_review(str(metadata_of(view).get("review")))
            reason = given.get(blocks.REASON_INPUT, "").split()
            words = (run.id, given.get(views.CHECK, ""), *reason)
            asked = Command("waive", words, {"until": given.get(views.UNTIL, "")})
            reply = actions.perform(asked, caller, f"slack:view:{view['id']}")
        except UserError as error:
            field = views.UNTIL if "until" in str(error) else blocks.REASON_BLOCK
            ack(response_action="errors", errors={field: str(error)[:2000]})
            return
        speech.say(actions.ledger, blocks.reply_message(reply), place, f"view:{view['id']}")
        ack()


def open_launch(
    actions: Actions,
    client: WebClient,
    body: Body,
    channel: str,
    rerun: str = "",
    values: Mapping[str, str] | None = None,
) -> None:
    """Open the launch form; where there is no task yet, the one that makes one.

    Raises:
        UserError: The person may not launch, or there is nothing to launch.
    """
    require(caller_of(actions.directory, body), LAUNCH, "launch a run")
    names = [item.task.name for item in tasks.tasks(actions.ledger)]
    if not names:
        open_new_task(actions, client, body)
        return
    before = values or {"task": names[0]}
    if rerun:
        before = views.values_of(actions.ledger.run(rerun).spec)
    known = list(bases.catalogue(actions.settings))
    form = views.Launch(tuple(names), tuple(known), channel, rerun, _fields(before))
    otherwise = "Try again, or write it: `/tune run task=NAME method=METHOD base=BASE`."
    open_form(client, body, views.launch_view(form), otherwise)


def _planned(body: Body) -> Command:
    """The line that a plan's button carries: no more than what its reader could type."""
    command = parse(str(body["actions"][0].get("value", "")))
    if command.verb != "run":
        raise BadInput("This button starts nothing. Write `/tune help`.")
    return command


def _fields(options: Mapping[str, str]) -> dict[str, str]:
    """Options as the form has them: what has no field of its own goes into the last one."""
    kept = {name: value for name, value in options.items() if name in views.FIELDS}
    more = [f"{name}={value}" for name, value in options.items() if name not in views.FIELDS]
    return kept | ({"more": " ".join(more)} if more else {})


def open_reason(
    actions: Actions, client: WebClient, body: Body, verdict: Verdict, review_id: str
) -> None:
    """Ask for the reason of a decision."""
    run = actions.run_of_review(review_id)
    what = f"Run `{run.id}`: {phrases.describe(run.spec)}."
    form = views.decide_view(verdict.value, review_id, what, _place(body))
    otherwise = (
        "A reason is required: type it into the field above the buttons, then click again, or "
        f"write `{verdict.value} {review_id} REASON`."
    )
    open_form(client, body, form, otherwise)


def open_question(actions: Actions, client: WebClient, body: Body, review_id: str) -> None:
    """Ask what a reviewer wants to know."""
    require(caller_of(actions.directory, body), ANYONE_KNOWN, "ask about a review")
    run = actions.run_of_review(review_id)
    what = (
        f"{run.requested_by} is asked, and the run's thread shows it: {phrases.describe(run.spec)}."
    )
    open_form(
        client, body, views.ask_view(review_id, what, _place(body)), "Ask in the run's thread."
    )


def open_waiver(actions: Actions, client: WebClient, body: Body, review_id: str) -> None:
    """Ask which check need not hold, until when and why.

    Raises:
        BadInput: Nothing that holds the run up may be waived.
    """
    require(caller_of(actions.directory, body), ANYONE_KNOWN, "waive a check")
    run = actions.run_of_review(review_id)
    policy = tasks.task(actions.ledger, run.spec.task.name).task.policy
    waivable = {rule.id for rule in policy.check if rule.waivable}
    found = [f.id for f in actions.gate(run).findings if f.effect in {"block", "warn"}]
    checks = [name for name in found if name in waivable]
    if not checks:
        raise BadInput("Nothing that holds this run up may be waived by its policy.")
    until = (now().date() + timedelta(days=30)).isoformat()
    what = f"Run `{run.id}`: {phrases.describe(run.spec)}."
    view = views.waive_view(review_id, what, _place(body), checks, until)
    open_form(client, body, view, f"Write `waive {run.id} CHECK until=YYYY-MM-DD REASON`.")


def launch_command(values: Mapping[str, str], rerun: str) -> Command:
    """What a launch form says, as a command.

    Raises:
        BadInput: The field for more settings cannot be read.
    """
    typed = parse(f"run {values.get('more', '')}")
    if typed.words:
        raise BadInput(f"I do not know what {typed.words[0]!r} means: write settings as key=value.")
    kept = {name: value for name, value in values.items() if name != "more" and value}
    doubled = sorted(kept.keys() & typed.options.keys())
    if doubled:
        raise BadInput(f"The key `{doubled[0]}` stands twice; it has a field of its own.")
    options = kept | typed.options
    if not rerun:
        return Command("run", (), options)
    return Command("rerun", (rerun,), {k: v for k, v in options.items() if k != "task"})


def _place(body: Body) -> str:
    return target_of(body).channel
