"""What can be asked: one grammar for Slack, mentions and the terminal.

    VERB [words] [key=value …]        values with spaces stand in "double quotes"

The parser only tells words apart; it knows nothing of tasks or runs, and never exits the process.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot import new_task
from storage.errors import BadInput, UnknownName

RUN_KEYS = (
    "task",
    "tasks",
    "method",
    "base",
    "epochs",
    "lr",
    "batch",
    "max_tokens",
    "rank",
    "alpha",
    "dropout",
    "patience",
    "preset",
    "scoring",
    "prompt",
    "shots",
    "from",
    "subset",
    "max_steps",
    "max_minutes",
    "seed",
    "engine",
    "device",
)


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be asked. `keys` are the options it takes."""

    name: str
    usage: str
    does: str
    example: str
    keys: tuple[str, ...] = ()
    free_text: bool = False


VERBS = {
    verb.name: verb
    for verb in (
        Verb("help", "help [VERB]", "say what can be asked", "help run"),
        Verb(
            "task",
            "task list | task show NAME | task add FILE | task new NAME key=value …",
            "list, show or register tasks",
            "task new tickets file=tickets.csv text=message label=intent",
            keys=new_task.KEYS,
        ),
        Verb(
            "run",
            "run task=NAME method=METHOD [base=BASE] [key=value …]",
            "train and evaluate a model",
            "run task=tickets method=lora base=minilm epochs=2",
            keys=RUN_KEYS,
        ),
        Verb(
            "plan",
            "plan task=NAME method=METHOD [base=BASE] [key=value …]",
            "say what a run would do, without doing it",
            "plan task=tickets method=lora base=minilm",
            keys=RUN_KEYS,
        ),
        Verb("status", "status [RUN]", "show a run, or the queue", "status r1m7yr87y2xb0h"),
        Verb("runs", "runs [mine] [task=NAME]", "list runs", "runs mine", keys=("task",)),
        Verb("top", "top [TASK]", "show the board of a task", "top tickets", keys=("task",)),
        Verb("metrics", "metrics RUN", "show every number of a run", "metrics r1m7yr87y2xb0h"),
        Verb("why", "why RUN", "say what did not pass, and what to do", "why r1m7yr87y2xb0h"),
        Verb(
            "compare",
            "compare RUN RUN",
            "compare two runs",
            "compare r1m7yr87y2xb0h r1m7yr8zzzzzzz",
        ),
        Verb("logs", "logs RUN", "show the end of a run's log", "logs r1m7yr87y2xb0h"),
        Verb("cancel", "cancel RUN", "end a run", "cancel r1m7yr87y2xb0h"),
        Verb(
            "retry", "retry RUN", "start a run that did not succeed again", "retry r1m7yr87y2xb0h"
        ),
        Verb(
            "rerun",
            "rerun RUN [key=value …]",
            "start a run again, with changes",
            "rerun r1m7yr87y2xb0h epochs=1 seed=2",
            keys=tuple(key for key in RUN_KEYS if key not in {"task", "tasks", "from"}),
        ),
        Verb("watch", "watch RUN", "be told when a run ends", "watch r1m7yr87y2xb0h"),
        Verb("mute", "mute RUN", "not be told of a run any more", "mute r1m7yr87y2xb0h"),
        Verb("submit", "submit RUN", "ask for a review of a run", "submit r1m7yr87y2xb0h"),
        Verb(
            "withdraw",
            "withdraw RUN-OR-REVIEW [REASON]",
            "take back what you submitted",
            "withdraw v1m7yr87y2xb0h a better run is coming",
            free_text=True,
        ),
        Verb(
            "approve",
            "approve RUN-OR-REVIEW REASON",
            "approve a run in review",
            "approve v1m7yr87y2xb0h clearly better than the baselines",
            free_text=True,
        ),
        Verb(
            "reject",
            "reject RUN-OR-REVIEW REASON",
            "reject a run in review",
            "reject v1m7yr87y2xb0h recall on refunds is too low",
            free_text=True,
        ),
        Verb(
            "waive",
            "waive RUN CHECK until=YYYY-MM-DD REASON",
            "let a check not hold for a run until a day",
            "waive r1m7yr87y2xb0h bias_groups until=2030-01-31 groups are too small to tell",
            keys=("until",),
        ),
        Verb(
            "mark",
            "mark RUN LINE blocker|acceptable REASON",
            "say of a test row's answer that it must never be wrong, or may be",
            "mark r1m7yr87y2xb0h 17 blocker a refund that is refused costs us the customer",
            free_text=True,
        ),
        Verb("models", "models", "list the base models, and what fits here", "models"),
        Verb("datasets", "datasets", "list the data of every task", "datasets"),
        Verb("queue", "queue", "show what runs and what waits", "queue"),
        Verb("budget", "budget", "show what you may still ask for", "budget"),
        Verb("whoami", "whoami", "say who you are here", "whoami"),
    )
}


ALIASES = {"tasks": ("task", "list"), "launch": ("run",), "?": ("help",)}
DRY_RUN = "--dry-run"


@dataclass(frozen=True, slots=True)
class Command:
    """One parsed line."""

    verb: str
    words: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    rest: str = ""


def parse(line: str) -> Command:
    """A line of the grammar as a command. An empty line asks for help.

    Raises:
        BadInput: A quote is not closed, a key is unknown or stands twice.
        UnknownName: There is no such verb; the message names the nearest.
    """
    return parse_words(_split(_plain_punctuation(line)))


def parse_words(words: Sequence[str]) -> Command:
    """The same for words that are apart already, as in a terminal."""
    given, asked = len(words), [word for word in words if word != DRY_RUN]
    if not asked:
        return Command("help")
    words = [*ALIASES.get(asked[0].lower(), (asked[0],)), *asked[1:]]
    if len(asked) < given and words[0].lower() == "run":
        words[0] = "plan"
    verb = VERBS.get(words[0].lower())
    if verb is None:
        raise UnknownName(f"I do not know {_quoted(words[0])}.{did_you_mean(words[0], VERBS)}")
    rest = [word for word in words[1:] if word]
    if verb.free_text:
        return Command(verb.name, tuple(rest[:1]), {}, " ".join(rest[1:]))
    plain = tuple(word for word in rest if not _KEY_VALUE.match(word))
    pairs = [word for word in rest if _KEY_VALUE.match(word)]
    return Command(verb.name, plain, _options(verb, pairs))


def line_of(command: Command) -> str:
    """A command as somebody would type it."""
    pairs = [f"{key}={value}" for key, value in command.options.items()]
    words = [command.verb, *command.words, *pairs, *([command.rest] if command.rest else [])]
    return " ".join(f'"{word}"' if " " in word and not command.rest else word for word in words)


def did_you_mean(word: str, known: Sequence[str] | dict[str, Verb]) -> str:
    """A sentence that names the nearest known word, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean `{near[0]}`?"
    return f" Known: {', '.join(names)}." if names else ""


_KEY_VALUE = re.compile(r"[A-Za-z_][A-Za-z_-]*=")
_PLAIN: dict[int, str] = {ord("“"): '"', ord("”"): '"', ord("„"): '"', 0x2014: "--", 0xA0: " "}
_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*")+')


def _options(verb: Verb, pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        key = key.lower().replace("-", "_")
        if key not in verb.keys:
            hint = did_you_mean(key, verb.keys) or " It takes no keys."
            raise BadInput(f"`{verb.name}` has no key {_quoted(key)}.{hint}")
        if key in found:
            raise BadInput(f"The key `{key}` stands twice; give it once.")
        if not value:
            raise BadInput(f"The key `{key}` has no value; write `{key}=…` without spaces.")
        found[key] = value
    return found


def _split(line: str) -> list[str]:
    if line.count('"') % 2:
        raise BadInput('A quote is not closed: every " needs a second one.')
    return [token.replace('"', "") for token in _TOKEN.findall(line)]


def _plain_punctuation(line: str) -> str:
    """Phones and Slack turn quotes and dashes into typographic ones."""
    return line.translate(_PLAIN)


def _quoted(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "…")
