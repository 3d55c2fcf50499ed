"""The story that `make demo` plays: ask, train, evaluate, board, decide; each step is checked.

Three people act in the local Slack. Ana launches runs and may review, Leo launches, Reva reviews.
In a home where the story was told before, the same requests carry the same keys: the runs are found
again, and the story ends the same.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from bot.bases import BUILT_IN, catalogue
from bot.demo.messages import PLANTED
from bot.demo.stage import Stage, is_up, set_stage
from bot.replies import Reply, table
from bot.settings import Settings
from bot.slack import blocks
from bot.workspace.driver import DriverError, User, shown
from bot.workspace.state import Delivery, Message
from storage import chain, published, reviews
from storage.home import Home
from storage.judgements import Standing
from storage.records import Outcome, ReviewState, Run, RunState

RUNS = {
    "majority": "run task=support method=majority",
    "tfidf": "run task=support method=tfidf",
    "embedding": "run task=support method=embedding base=minilm",
    "lora": "run task=support method=lora base=minilm epochs=2",
}
REASON = "clearly above the best baseline on the same rows, and no check failed"

RUN_PATIENCE_S = 900.0
TELL_EVERY_S = 6.0
MOST_LINES = 14


class StoryBroken(Exception):
    """A step did not hold."""


@dataclass
class Scene:
    """The stage, what was found so far, and how each step went."""

    stage: Stage
    out: TextIO
    runs: dict[str, str] = field(default_factory=dict)
    review_id: str = ""
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def user(self, name: str) -> User:
        return self.stage.workspace.user(name)

    def say(self, who: str, text: str) -> None:
        """Print one turn of the conversation, as it happens."""
        plain = text.replace("*", "").replace("`", "").strip()
        lines = [line for line in plain.splitlines() if line.strip()]
        lines = lines[:MOST_LINES] + (["…"] if len(lines) > MOST_LINES else [])
        self.out.write(f"{who:>10}  " + f"\n{'':12}".join(lines) + "\n")
        self.out.flush()

    def ask(self, name: str, line: str, expect: str, key: str = "") -> str:
        """Let somebody type a command; what they see in answer, which must hold `expect`."""
        self.say(name, f"/tune {line}")
        before = {message.ts for message in self.user(name).sees()}
        self.user(name).run(f"/tune {line}", trigger_id=key)
        try:
            seen = self.stage.workspace.wait_for(
                lambda: self._new(name, before, expect), f"an answer with {expect!r}", 120
            )
        except DriverError as error:
            last = [shown(m) for m in self.user(name).sees() if m.ts not in before][-1:]
            raise StoryBroken(f"{error}; the last answer was {last}") from error
        self.say("tuneboard", _words(seen))
        return shown(seen)

    def _new(self, name: str, before: set[str], expect: str) -> Message | None:
        fresh = [m for m in self.user(name).sees() if m.ts not in before]
        return next((m for m in fresh if expect in shown(m)), None)


def play(home: Home, out: TextIO, *, leave: bool) -> Reply:
    """Play the story; then leave everything running until Ctrl-C, or end.

    Args:
        out: Where the conversation is printed.
        leave: End when the story ends.

    Returns:
        A table of the steps; the exit code is 0 only if every step held.
    """
    started = time.monotonic()
    with set_stage(home) as stage:
        scene = Scene(stage, out)
        held = all(_play_step(scene, name, step) for name, step in STEPS.items())
        seconds = time.monotonic() - started
        reply = _ending(scene, held, seconds)
        if not leave and held:
            _stay(scene, reply)
    return reply


def _play_step(scene: Scene, name: str, step: Callable[[Scene], str]) -> bool:
    """Whether a step held; after one that did not, the others are not played."""
    scene.out.write(f"\n── {name}\n")
    try:
        scene.told.append((name, "held", step(scene)))
    except (StoryBroken, DriverError) as error:
        scene.told.append((name, "BROKEN", str(error)))
        return False
    return True


# --- the steps ------------------------------------------------------------------------------------


def _greet(scene: Scene) -> str:
    scene.ask("leo", "help", "what can be asked")
    scene.ask("leo", "rnu task=support", "Did you mean")
    return "help and a suggestion"


def _register(scene: Scene) -> str:
    answer = scene.ask("ana", f"task add {scene.stage.task_file}", "registered")
    _require(f"{PLANTED} kept out of train" in answer, f"no word of {PLANTED} planted duplicates")
    return f"{PLANTED} planted duplicates kept out of train"


def _plan(scene: Scene) -> str:
    scene.ask("ana", "plan task=support method=lora base=minilm epochs=2", "Nothing was started")
    return "nothing was started"


def _launch(scene: Scene) -> str:
    base = str(catalogue(Settings())[BUILT_IN].path).encode()
    data = scene.stage.task_file.with_name("train.csv").read_bytes() + base
    for name, line in RUNS.items():
        key = hashlib.sha256(data + line.encode()).hexdigest()[:32]
        scene.ask("ana", line, "Run ", key=f"demo.{key}")
        run = _run_of(scene, name)
        scene.runs[name] = run.id
    return f"{len(RUNS)} runs asked for"


def _deliver_again(scene: Scene) -> str:
    before = len(scene.stage.ledger.runs())
    for _ in range(2):
        scene.stage.workspace.deliver_again(_launch_of(scene, RUNS["lora"]))
    _require(len(scene.stage.ledger.runs()) == before, "a repeated message made another run")
    return "the same message three times: one run"


def _train(scene: Scene) -> str:
    teller = _ProgressTeller(scene)
    until = time.monotonic() + RUN_PATIENCE_S
    while any(not _run(scene, name).state.ended for name in RUNS):
        _require(time.monotonic() < until, "the runs did not end in time")
        teller.tell()
        time.sleep(0.5)
    teller.tell()
    states = {name: _run(scene, name) for name in RUNS}
    for name, run in states.items():
        _require(run.state is RunState.SUCCEEDED, f"{name} {run.state.value}: {run.reason}")
    return "all succeeded"


def _board(scene: Scene) -> str:
    scene.stage.workspace.wait_for(lambda: len(_standings(scene)) >= len(RUNS), "the board", 60)
    scene.ask("leo", "top support", "Board of")
    lora = _standings(scene)[scene.runs["lora"]]
    _require(lora.difference is not None and lora.difference.low > 0, "LoRA beats no baseline")
    _require(lora.place == "1", f"LoRA is at place {lora.place}")
    failed = [check.id for check in lora.checks if check.outcome is Outcome.FAIL]
    _require(not failed, f"checks failed: {failed}")
    return f"LoRA {lora.primary.name} {lora.primary.value:.3f}, place {lora.place}"


def _keep_off(scene: Scene) -> str:
    scene.ask("leo", f"cancel {scene.runs['lora']}", "belongs to ana")
    scene.ask("reva", "run task=support method=tfidf", "role")
    return "what is not one's own is refused"


def _submit(scene: Scene) -> str:
    run_id = scene.runs["lora"]
    scene.ask("ana", f"submit {run_id}", "eview")
    found = reviews.reviews(scene.stage.ledger, run_id)
    _require(bool(found), "there is no review")
    scene.review_id = found[0].id
    if found[0].state is ReviewState.IN_REVIEW:
        card = scene.stage.workspace.channel(_channel(scene)).wait_for(scene.review_id, 30)
        scene.say("#" + _channel(scene), _words(card))
    return f"review {scene.review_id}"


def _own_approval(scene: Scene) -> str:
    scene.ask("ana", f"approve {scene.review_id} it is mine and it is good", "own run")
    scene.ask("leo", f"approve {scene.review_id} looks fine", "reviewer")
    _require(
        not any(d.person != "reva" for d in reviews.decisions(scene.stage.ledger)),
        "somebody decided who may not",
    )
    return "refused to the launcher and to a non-reviewer"


def _approve(scene: Scene) -> str:
    review = reviews.get(scene.stage.ledger, scene.review_id)
    if review.state is ReviewState.IN_REVIEW:
        card = scene.stage.workspace.channel(_channel(scene)).wait_for(scene.review_id, 30)
        scene.say("reva", f"[Approve] {REASON}")
        scene.user("reva").click(card, blocks.APPROVE, reason=REASON)
        scene.user("reva").click(card, blocks.APPROVE, reason=REASON, version=0)
    else:
        scene.ask("reva", f"approve {scene.review_id} {REASON}", "nothing was done twice")
    decided = reviews.decisions(scene.stage.ledger, scene.review_id)
    _require(len(decided) == 1, f"{len(decided)} decisions after two clicks")
    if review.state is ReviewState.IN_REVIEW:
        _show_decided(scene, card)
    return "approved by reva, once"


def _verify(scene: Scene) -> str:
    found = chain.verify(scene.stage.ledger)
    _require(not found.problem, found.problem)
    run_id = scene.runs["lora"]
    scene.stage.workspace.wait_for(
        lambda: _standings(scene)[run_id].status == "approved", "the board to say approved", 60
    )
    scene.stage.workspace.wait_for(lambda: is_up(scene.stage.leaderboard), "the leaderboard", 60)
    return f"{found.length} decision, head {found.head[:12]}"


STEPS: dict[str, Callable[[Scene], str]] = {
    "A newcomer asks for help": _greet,
    "A task is registered and its data checked": _register,
    "A plan before anything is spent": _plan,
    "Baselines and LoRA are asked for": _launch,
    "The same message arrives three times": _deliver_again,
    "Models are trained and evaluated": _train,
    "The board compares them": _board,
    "Not everybody may do everything": _keep_off,
    "The best one is submitted for review": _submit,
    "Nobody approves their own run": _own_approval,
    "Another person approves": _approve,
    "The record is proven": _verify,
}


# --- inside ---------------------------------------------------------------------------------------


class _ProgressTeller:
    """Prints a run's message in the channel now and then, and at its end."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._told: dict[str, str] = {}
        self._told_at: dict[str, float] = {}

    def tell(self) -> None:
        channel = _channel(self._scene)
        for message in self._scene.stage.workspace.channel(channel).messages():
            name = next((n for n, i in self._scene.runs.items() if i in message.text), None)
            if name and not message.thread_ts and self._is_news(name, message.text):
                self._told[name], self._told_at[name] = message.text, time.monotonic()
                self._scene.say(f"#{channel}", message.text)

    def _is_news(self, name: str, text: str) -> bool:
        ended = " is succeeded" in text or " is failed" in text
        due = time.monotonic() - self._told_at.get(name, 0) > TELL_EVERY_S
        return text != self._told.get(name) and (due or ended)


def _ending(scene: Scene, held: bool, seconds: float) -> Reply:
    for name in list(STEPS)[len(scene.told) :]:
        scene.told.append((name, "not played", ""))
    board = [
        {
            "place": row.place,
            "method": row.method.value,
            "value": row.primary.value,
            "status": row.status,
            "run": row.run_id,
        }
        for row in _standings(scene).values()
    ]
    words = "Every step held" if held else "A step did not hold"
    return Reply(
        f"\n{words}; {seconds:.0f} s.",
        table=table(("step", "result", "detail"), scene.told),
        data={
            "held": held,
            "seconds": round(seconds, 1),
            "steps": [{"step": s, "result": r, "detail": d} for s, r, d in scene.told],
            "board": board,
        },
        exit_code=0 if held else 1,
    )


def _stay(scene: Scene, reply: Reply) -> None:
    stage = scene.stage
    scene.out.write(
        f"{reply.text.strip()}\n\n"
        f"Leaderboard   {stage.leaderboard}/?task=support\n"
        f"A run's page  {stage.leaderboard}/run?run_id={scene.runs['lora']}\n"
        f"Local Slack   {stage.workspace.page}\n"
        f"Terminal      tuneboard --home {stage.home.path} top support\n\n"
        "Bot and leaderboard go on running. Ctrl-C ends them.\n"
    )
    scene.out.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        scene.out.write("\n")


def _show_decided(scene: Scene, card: Message) -> None:
    """The card as it is once everybody can see who decided."""
    place = scene.stage.workspace.channel(card_channel := _channel(scene))
    scene.stage.workspace.wait_for(
        lambda: "reva approved" in _plain(place.again(card)), "the card to say who approved", 30
    )
    scene.say("#" + card_channel, _words(place.again(card)))


def _plain(message: Message) -> str:
    return shown(message).replace("*", "")


def _words(message: Message) -> str:
    """What a person sees of a message: its blocks, or its text where it has none."""
    return shown(message).removeprefix(message.text).strip() or message.text


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StoryBroken(otherwise)


def _channel(scene: Scene) -> str:
    return scene.stage.workspace.seed.channels[0].name


def _run(scene: Scene, name: str) -> Run:
    return scene.stage.ledger.run(scene.runs[name])


def _run_of(scene: Scene, method: str) -> Run:
    """The run of a method; the story asks for each method once."""
    found = [run for run in scene.stage.ledger.runs() if run.spec.method.value == method]
    _require(len(found) == 1, f"{len(found)} runs of {method}; one was asked for")
    return found[0]


def _launch_of(scene: Scene, line: str) -> Delivery:
    """How a launch was delivered to the bot."""
    found = [d for d in scene.stage.workspace.deliveries() if d.payload.get("text", "") == line]
    _require(bool(found), f"{line!r} was not delivered")
    return found[-1]


def _standings(scene: Scene) -> dict[str, Standing]:
    summary = published.read_summary(scene.stage.home.board)
    rows = summary.standings.get("support", ()) if summary else ()
    return {row.run_id: row for row in rows}
