"""What can be done: one method a verb, the same for Slack and the terminal.

An action checks access, commits at most one ledger transaction and answers in milliseconds. The two
that must read a task's data (`plan`, `task add`) are slow: from chat they are put into the outbox
and worked on by the publisher, which calls `handle_slow` and posts the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from bot import answers, asking, limits, phrases, specs
from bot.access import ANYONE_KNOWN, LAUNCH, Caller, require, require_own
from bot.commands import VERBS, Command, did_you_mean, line_of, parse
from bot.directory import Directory, Groups, NoGroups
from bot.hosts.inspection import prospect_of
from bot.hosts.projection_child import ask_child
from bot.registering import Registry
from bot.replies import Reply
from bot.settings import Settings
from storage import marks, openings, outbox, published, reviews, tasks, waivers, watches
from storage.deciding import compared_with, decide_now, gate_now
from storage.errors import BadInput, EvidenceChanged, NotAllowed, UnknownName, WrongState
from storage.home import Home
from storage.judgements import Gate
from storage.ledger import Ledger
from storage.records import (
    DatasetVersion,
    Person,
    Review,
    Role,
    Run,
    RunSpec,
    RunState,
    Task,
    Verdict,
)
from storage.redaction import redact


@dataclass(frozen=True, slots=True)
class Actions:
    """Everything that can be asked of one Tuneboard."""

    ledger: Ledger
    home: Home
    settings: Settings
    groups: Groups = field(default_factory=NoGroups)

    @property
    def directory(self) -> Directory:
        """Who is who in Slack."""
        return Directory(self.settings.people, self.groups)

    @property
    def registry(self) -> Registry:
        """The tasks."""
        return Registry(self.ledger, self.home, self.settings.data.roots)

    def handle(self, line: str, caller: Caller, key: str, reply_to: str = "") -> Reply:
        """Answer one line from chat, in milliseconds.

        Args:
            key: What makes a request the same request: asked again with it, nothing is done twice.
            reply_to: Slack's response_url, for an answer that takes longer.

        Raises:
            UserError: The message is for the person as it is.
        """
        _refuse_secrets(line)
        command = parse(line)
        if command.verb == "run" and self.settings.slack.plan_first:
            self._may_launch(caller)
            command = replace(command, verb="plan")
            line = line_of(command)
        if _is_slow(command):
            return self._put_off(line, caller, key, reply_to)
        return self.perform(command, caller, key)

    def handle_slow(self, line: str, caller: Caller, key: str) -> Reply:
        """Answer a line that was put off, however long it takes."""
        return self.perform(parse(line), caller, key)

    def perform(self, command: Command, caller: Caller, key: str) -> Reply:
        """Do what a command says."""
        if looks := asking.VERBS.get(command.verb):
            require(caller, ANYONE_KNOWN, f"ask for `{command.verb}`")
            desk = asking.Desk(self.ledger, self.home, self.settings)
            return looks(desk, command, caller)
        action: Callable[[Command, Caller, str], Reply] = getattr(self, f"_{command.verb}")
        return action(command, caller, key)

    def decide(self, target: str, verdict: Verdict, reason: str, caller: Caller) -> Reply:
        """Approve or reject the open review of a run, or a review, once.

        Roles by a group are looked up anew: a reviewer of five minutes ago may be one no more.
        """
        if caller.origin == "slack":
            caller = self.directory.caller(caller.identity, caller.channel, fresh=True)
        person = require(caller, ANYONE_KNOWN, "decide on a review")
        if caller.doubt and Role.REVIEWER not in person.roles:
            raise NotAllowed(caller.doubt)
        review = self._review(target)
        decided = decide_now(self.ledger, self.home, review.id, person, verdict, reason)
        return answers.decided(decided)

    def gate(self, run: Run) -> Gate:
        """What the task's policy makes of a run now."""
        return gate_now(self.ledger, self.home, run)

    # --- verbs: asking --------------------------------------------------------------------------

    def _help(self, command: Command, caller: Caller, key: str) -> Reply:
        if not command.words:
            return answers.help_all()
        verb = VERBS.get(command.words[0].lower())
        if verb is None:
            hint = did_you_mean(command.words[0], VERBS)
            raise UnknownName(f"I do not know {command.words[0]!r}.{hint}")
        return answers.help_verb(verb)

    def _status(self, command: Command, caller: Caller, key: str) -> Reply:
        require(caller, ANYONE_KNOWN, "see runs")
        if not command.words:
            return answers.queue(self.ledger)
        return self.run_reply(_one_word(command, "RUN"))

    def _runs(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, ANYONE_KNOWN, "see runs")
        unknown = [word for word in command.words if word not in {"mine", "all"}]
        if unknown:
            raise BadInput(f"I do not know {unknown[0]!r} here. Write `runs`, or `runs mine`.")
        if task := command.options.get("task"):
            tasks.task(self.ledger, task)
        mine = person.name if "mine" in command.words else None
        found = self.ledger.runs(task=command.options.get("task"), requested_by=mine, limit=30)
        return answers.runs(found, self.home, self.ledger)

    def _top(self, command: Command, caller: Caller, key: str) -> Reply:
        require(caller, ANYONE_KNOWN, "see the board")
        names = [found.task.name for found in tasks.tasks(self.ledger)]
        if len(command.words) > 1:
            raise BadInput(f"`top` takes one task, not {' '.join(command.words)!r}.")
        wanted = next(iter(command.words), command.options.get("task"))
        if wanted is None and len(names) == 1:
            wanted = names[0]
        if wanted is None:
            raise BadInput(f"Of which task? Write `top NAME`. Tasks: {', '.join(names) or 'none'}.")
        if wanted not in names:
            raise UnknownName(f"There is no task {wanted!r}.{did_you_mean(wanted, names)}")
        summary = published.read_summary(self.home.board)
        return answers.top(wanted, summary, self.settings.leaderboard.url)

    def _plan(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, LAUNCH, "plan a run")
        spec = self._spec(command, caller)
        prospect = prospect_of(spec)
        _require_same_data(spec, prospect.dataset)
        slots = len(self.settings.hosts.gpus) or self.settings.hosts.slots
        budget = limits.in_words(self.ledger, self.settings, person)
        price = self.settings.price_of_an_hour()
        reply = answers.plan(
            spec, prospect, self.ledger, self.home, slots, price=price, budget=budget
        )
        return replace(reply, start=line_of(replace(command, verb="run")))

    # --- verbs: doing ---------------------------------------------------------------------------

    def _task(self, command: Command, caller: Caller, key: str) -> Reply:
        return self.registry.answer(command, caller)

    def _run(self, command: Command, caller: Caller, key: str) -> Reply:
        person = self._may_launch(caller)
        own_paths = caller.origin == "terminal"
        asked = specs.specs_from(
            command, self.ledger, self.home, self.settings, own_paths=own_paths
        )
        more = sum(1 + len(spec.mix) for spec in asked)
        if limits.hold(self.settings, person) and self.ledger.run_by_key(key) is None:
            limits.require_room(self.ledger, self.settings, person, more)
        keys = [key] if len(asked) == 1 else [f"{key}:{place}" for place in range(len(asked))]
        return answers.launched_all(
            [
                reply
                for spec, own in zip(asked, keys, strict=True)
                for reply in self._launch(spec, own, person, caller)
            ]
        )

    def _retry(self, command: Command, caller: Caller, key: str) -> Reply:
        person = self._may_launch(caller)
        run = self.ledger.run(_one_word(command, "RUN"))
        if run.state not in {RunState.FAILED, RunState.CANCELLED}:
            raise WrongState(
                f"{run.id} is {run.state.value}; `retry` is for runs that failed or were ended. "
                f"`rerun {run.id} seed=2` starts a changed one."
            )
        return self._again(run.spec, key, person, caller)

    def _rerun(self, command: Command, caller: Caller, key: str) -> Reply:
        person = self._may_launch(caller)
        if len(command.words) != 1:
            raise BadInput(f"Write {VERBS['rerun'].usage}.")
        run = self.ledger.run(command.words[0])
        own_paths = caller.origin == "terminal"
        spec = specs.changed(run.spec, command, self.ledger, self.settings, own_paths=own_paths)
        return self._again(spec, key, person, caller)

    def _again(self, spec: RunSpec, key: str, person: Person, caller: Caller) -> Reply:
        if spec.shared is not None:
            raise WrongState("This run shares another's training: start that one again.")
        if limits.hold(self.settings, person) and self.ledger.run_by_key(key) is None:
            limits.require_room(self.ledger, self.settings, person, 1 + len(spec.mix))
        return answers.launched_all(self._launch(spec, key, person, caller))

    def _may_launch(self, caller: Caller) -> Person:
        person = require(caller, LAUNCH, "launch a run")
        limits.require_place(self.settings, caller)
        return person

    def _watch(self, command: Command, caller: Caller, key: str) -> Reply:
        return self._tell_or_not(command, caller, told=True)

    def _mute(self, command: Command, caller: Caller, key: str) -> Reply:
        return self._tell_or_not(command, caller, told=False)

    def _tell_or_not(self, command: Command, caller: Caller, *, told: bool) -> Reply:
        person = require(caller, ANYONE_KNOWN, f"{command.verb} a run")
        run = self.ledger.run(_one_word(command, "RUN"))
        watches.set_watch(self.ledger, run.id, person.name, told=told)
        when = "when it ends and when it is decided on" if told else "any more"
        text = f"You are {'' if told else 'not '}told of `{run.id}` {when}."
        return Reply(text, run_id=run.id, data={"run": run.id, "told": told})

    def _withdraw(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, LAUNCH, "withdraw a review")
        if not command.words:
            raise BadInput(f"Write {VERBS['withdraw'].usage}.")
        review = self._review(command.words[0])
        done = reviews.withdraw(self.ledger, review.id, person, command.rest)
        return Reply(
            f"Review `{done.id}` of run `{done.run_id}` is *withdrawn*.",
            run_id=done.run_id,
            review_id=done.id,
            data={"review": done.model_dump(mode="json")},
        )

    def _launch(self, spec: RunSpec, key: str, person: Person, caller: Caller) -> list[Reply]:
        """Queue a run, and those that share its training."""
        run = self._request(spec, key, person, caller)
        others = [
            self._request(one, f"{key}:{one.task.name}", person, caller)
            for one in specs.sharing(run, self.home)
        ]
        places = [self.ledger.queue_place(one.id) for one in (run, *others)]
        return [
            answers.launched(one, place) for one, place in zip((run, *others), places, strict=True)
        ]

    def _request(self, spec: RunSpec, key: str, person: Person, caller: Caller) -> Run:
        run, new = self.ledger.request_run(spec, key, person.name, caller.origin)
        if not new and (run.spec, run.requested_by) != (spec, person.name):
            raise WrongState(
                f"This key was used before, for {run.id} by {run.requested_by}: "
                f"{phrases.describe(run.spec)}. Take another key for another run."
            )
        return run

    def _cancel(self, command: Command, caller: Caller, key: str) -> Reply:
        require(caller, LAUNCH, "cancel a run")
        run = self.ledger.run(_one_word(command, "RUN"))
        person = require_own(caller, run, "cancel it")
        if run.cancel_requested:
            return answers.cancelling(run)
        run = self.ledger.request_cancel(run.id, person.name)
        self._show_run(run.id)
        return answers.cancelling(run)

    def _submit(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, LAUNCH, "submit a run")
        run = self.ledger.run(_one_word(command, "RUN"))
        policy = tasks.task(self.ledger, run.spec.task.name).task.policy
        standing = published.standing_of(self.home.board, run.id)
        if standing is None and run.state is RunState.SUCCEEDED:
            raise WrongState(
                f"{run.id} is not on the board yet, so it is compared with nothing. "
                "Submit it again in a few seconds."
            )
        against = compared_with(standing)
        review = reviews.submit(self.ledger, self.home, run, policy, person, against)
        return answers.submitted(review, self.gate(run))

    def _waive(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, ANYONE_KNOWN, "waive a check")
        usage = VERBS["waive"].usage
        if len(command.words) < 3:
            raise BadInput(f"Write {usage}, for example `{VERBS['waive'].example}`.")
        run_id, check, *reason = command.words
        run = self.ledger.run(run_id)
        policy = tasks.task(self.ledger, run.spec.task.name).task.policy
        until = _day(command.options.get("until"))
        given = waivers.waive(self.ledger, run, policy, check, person, until, " ".join(reason))
        self._show_run(run.id)
        return answers.waived(given, self.gate(run))

    def _mark(self, command: Command, caller: Caller, key: str) -> Reply:
        person = require(caller, ANYONE_KNOWN, "mark an example")
        line, word, reason = [*command.rest.split(maxsplit=2), "", "", ""][:3]
        if not command.words or not line.isdecimal():
            usage = VERBS["mark"]
            raise BadInput(f"Write {usage.usage}, for example `{usage.example}`.")
        run = self.ledger.run(command.words[0])
        found = ask_child(self.home, "bot.hosts.examples", run.id, line)
        made = marks.mark_example(self.ledger, run, found["example_id"], word, person, reason)
        said = f"“{found['text'][:120]}”, true {found['gold']}, answered {found['predicted']}"
        rule = (
            "Every later run must answer it rightly: the check `regression_set` says whether."
            if made.mark == "blocker"
            else "No run is held against it."
        )
        return Reply(
            f"Line {line} ({said}) is marked as {made.mark}. {rule}",
            run_id=run.id,
            data={"mark": made.model_dump(mode="json")},
        )

    def _approve(self, command: Command, caller: Caller, key: str) -> Reply:
        return self._decide_in_words(command, Verdict.APPROVE, caller)

    def _reject(self, command: Command, caller: Caller, key: str) -> Reply:
        return self._decide_in_words(command, Verdict.REJECT, caller)

    # --- inside ---------------------------------------------------------------------------------

    def run_reply(self, run_id: str) -> Reply:
        """A run with its state, and its metrics and checks once there are any."""
        run = self.ledger.run(run_id)
        standing = published.standing_of(self.home.board, run_id)
        gate = self.gate_or_none(run)
        return answers.run(run, self.home.run(run_id), self.ledger, standing, gate)

    def run_of_review(self, review_id: str) -> Run:
        """The run that a review is about."""
        return self.ledger.run(reviews.get(self.ledger, review_id).run_id)

    def gate_or_none(self, run: Run) -> Gate | None:
        """None where there is no evidence to hold against the policy."""
        if run.state is not RunState.SUCCEEDED or openings.is_hidden(self.ledger, run):
            return None
        try:
            return self.gate(run)
        except (EvidenceChanged, UnknownName):
            return None

    def _decide_in_words(self, command: Command, verdict: Verdict, caller: Caller) -> Reply:
        if not command.words:
            raise BadInput(f"Write {VERBS[command.verb].usage}.")
        return self.decide(command.words[0], verdict, command.rest, caller)

    def _review(self, target: str) -> Review:
        """A review by its id, or the newest of a run."""
        if target.startswith("v"):
            return reviews.get(self.ledger, target)
        run = self.ledger.run(target)
        found = reviews.reviews(self.ledger, run.id)
        if not found:
            raise WrongState(f"{run.id} is not in review. `submit {run.id}` opens a review.")
        return found[0]

    def _spec(self, command: Command, caller: Caller) -> RunSpec:
        own_paths = caller.origin == "terminal"
        return specs.spec_from(command, self.ledger, self.home, self.settings, own_paths=own_paths)

    def _show_run(self, run_id: str) -> None:
        """Have the run's message drawn anew in chat."""
        with self.ledger.write() as db:
            outbox.enqueue(
                db,
                "run_card",
                channel="",
                subject=run_id,
                payload={},
                coalesce_key=f"run_card:{run_id}",
            )

    def _put_off(self, line: str, caller: Caller, key: str, reply_to: str) -> Reply:
        require(caller, ANYONE_KNOWN, "ask for this")
        payload = {
            "line": line,
            "identity": caller.identity,
            "channel": caller.channel,
            "key": key,
            "reply_to": reply_to,
        }
        with self.ledger.write() as db:
            outbox.enqueue(
                db,
                "slow",
                channel=caller.channel,
                subject=caller.identity,
                payload=payload,
                dedupe_key=f"slow:{key}",
            )
        return Reply("Looking at the data; the answer follows here.", later=True)


def _is_slow(command: Command) -> bool:
    reads_data = command.verb in {"plan", "mark"} or (
        command.verb == "task" and command.words[:1] in {("add",), ("new",)}
    )
    return reads_data or command.verb in asking.SLOW


def _refuse_secrets(line: str) -> None:
    """Nothing that looks like a secret is stored, not even as a request that was refused."""
    if redact(line) != line:
        raise BadInput(
            "There is something in this that looks like a token or key. It was not stored. Whoever "
            "can read this channel may have seen it: revoke it and make a new one. Secrets belong "
            "into the environment of the bot and its hosts."
        )


def _day(text: str | None) -> date:
    if text is None:
        raise BadInput("A waiver needs its last day: add until=YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"until={text!r} is not a day; write it as YYYY-MM-DD.") from error


def _one_word(command: Command, what: str) -> str:
    if len(command.words) != 1:
        raise BadInput(f"`{command.verb}` takes one {what}. Write {VERBS[command.verb].usage}.")
    return command.words[0]


def _require_same_data(spec: RunSpec, dataset: DatasetVersion) -> None:
    if dataset.content_digest != spec.dataset_digest:
        raise BadInput(_data_changed(spec.task))


def _data_changed(task: Task) -> str:
    return (
        f"The files of {task.name!r} changed since version {task.version} was registered. "
        "Register it again with `task add FILE`: that makes a new version, with a board of its own."
    )
