"""`tuneboard`: the same words as in chat, in a terminal.

The person is the operating system's user, as `tuneboard.toml` maps it. This file reads the command
line, prints the reply, and gives the exit code: 0 done, 1 failed, 2 bad input, 3 refused.
"""

import argparse
import json
import logging
import secrets
import sys
import traceback
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from bot import terminal
from bot.access import Caller
from bot.actions import Actions
from bot.commands import DRY_RUN, VERBS, Command, did_you_mean, parse_words
from bot.replies import Reply
from bot.settings import Settings, home_from, load_settings, os_user
from storage.errors import BadInput, TuneboardError, UnknownName, UserError
from storage.home import Home
from storage.ledger import Ledger
from storage.records import now


def main(argv: Sequence[str] | None = None) -> int:
    """Answer one command line and return the exit code."""
    options = _parser().parse_intermixed_args(argv)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING)
    try:
        reply = _answer(options)
    except UserError as error:
        reply = Reply(str(error), data=_error_json(error), exit_code=error.exit_code)
    except KeyboardInterrupt:
        reply = Reply("Stopped. Runs that were started go on.", exit_code=130)
    except Exception as error:  # the outermost loop of a terminal: say it in words, keep the rest
        reply = _broken(error, options)
    _show(reply, as_json=options.json)
    return reply.exit_code


def _broken(error: Exception, options: argparse.Namespace) -> Reply:
    """What went wrong on our side: a sentence and a reference for the person, the rest in a log."""
    reference = secrets.token_hex(4)
    place = home_from(options.home).logs / "terminal.log"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as log:
            log.write(f"{now().isoformat()} {reference}\n{traceback.format_exc()}\n")
        where = f"the log {place} has the rest under reference {reference}"
    except OSError as full:
        where = f"and the log {place} could not be written ({full.strerror})"
    what = str(error) if isinstance(error, TuneboardError) else _in_words(error)
    return Reply(f"It did not work: {what}; {where}.", data=_error_json(error), exit_code=1)


def _in_words(error: Exception) -> str:
    """The first line of somebody else's error; the database's are known by their words."""
    line = (str(error).splitlines() or [""])[0]
    if "database is locked" in line:
        return "another process holds the ledger; try again"
    if "not a database" in line or "malformed" in line:
        return "ledger.sqlite is damaged; put a backup of it in its place"
    return f"{type(error).__name__}: {line}"


def _answer(options: argparse.Namespace) -> Reply:
    words: list[str] = [*options.words, *([DRY_RUN] if options.dry_run else [])]
    if options.version:
        return Reply(terminal.version())
    local = terminal.VERBS.get(words[0]) if words else None
    command = Command("help") if local else _parse(words)
    if not words or (command.verb == "help" and not local):
        return _help(command)
    home = home_from(options.home)
    if options.healthy:
        return terminal.health(home)
    if words[0] == "demo":
        return terminal.demo(home, leave=options.exit, as_json=options.json)
    if local and len(words) - 1 not in local.words:
        raise BadInput(_wrong_words(local, words[1:]))
    settings = _settings(home)
    ledger = Ledger.open(home.ledger_file)
    try:
        actions = Actions(ledger, home, settings)
        if local and local.run:
            return local.run(actions, words[1:])
        user = os_user()
        caller = Caller(settings.person_of_os(user), "terminal", user)
        key = f"terminal:{options.key or secrets.token_hex(16)}"
        reply = actions.perform(command, caller, key)
        if command.verb != "run" or not reply.run_id:
            return reply
        if options.wait:
            asked = [run["id"] for run in reply.data.get("runs", ())] or [reply.run_id]
            return terminal.wait_for_runs(actions, asked, quiet=options.json)
        return terminal.with_queue_hint(reply, home)
    finally:
        ledger.close()


def _wrong_words(local: terminal.LocalVerb, words: Sequence[str]) -> str:
    if local.words == range(1):
        return f"`{local.usage}` takes no words: leave out {' '.join(words)!r}."
    return f"{len(words)} words were given. Write `{local.usage}`."


def _settings(home: Home) -> Settings:
    try:
        settings = load_settings(home)
        home.create()
    except OSError as error:
        raise BadInput(
            f"{str(home.path)!r} cannot be the home folder: {error.strerror}. Give a folder "
            "of yours with --home."
        ) from error
    return settings


def _parse(words: Sequence[str]) -> Command:
    try:
        return parse_words(words)
    except UnknownName as error:
        known = [*VERBS, *terminal.VERBS]
        raise UnknownName(f"I do not know {words[0]!r}.{did_you_mean(words[0], known)}") from error


def _help(command: Command) -> Reply:
    """Chat's help, with the terminal's own words below."""
    if command.words:
        if local := terminal.VERBS.get(command.words[0]):
            return Reply(f"`{local.usage}`: {local.does}.", data={"verb": command.words[0]})
        verb = VERBS.get(command.words[0])
        if verb is None:
            known = [*VERBS, *terminal.VERBS]
            raise BadInput(f"I do not know that.{did_you_mean(command.words[0], known)}")
        return terminal.help_verb(verb)
    return terminal.help_all()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuneboard",
        description="Fine-tune language models, compare them on evidence, and decide. "
        "`tuneboard help` lists the words.",
    )
    parser.add_argument(
        "words", nargs="*", help="a verb and its words; `tuneboard help` lists them"
    )
    parser.add_argument("--home", help="the home folder (else TUNEBOARD_HOME, else ./.tuneboard)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--dry-run", action="store_true", help="with `run`: say what it would do")
    parser.add_argument("--wait", action="store_true", help="with `run`: return when it has ended")
    parser.add_argument("--key", help="with `run`: the same key again is the same run")
    parser.add_argument("--exit", action="store_true", help="with `demo`: end when the story ends")
    parser.add_argument(
        "--healthy",
        action="store_true",
        help="with `work`: say by the exit code if it is worked on",
    )
    parser.add_argument("--verbose", action="store_true", help="tell the story of a run in the log")
    parser.add_argument("--version", action="store_true", help="print the version")
    return parser


def _show(reply: Reply, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({**reply.data}, ensure_ascii=False, indent=1) + "\n")
        return
    piped = None if sys.stdout.isatty() else 200
    console = Console(stderr=not reply.ok, soft_wrap=True, highlight=False, width=piped)
    if reply.text:
        console.print(escape(reply.text.replace("*", "").replace("`", "")))
    if reply.table:
        grid = RichTable(*reply.table.columns, box=None, pad_edge=False, header_style="bold")
        for row in reply.table.rows:
            grid.add_row(*(escape(cell) for cell in row))
        console.print(grid)


def _error_json(error: Exception) -> dict[str, object]:
    return {"error": {"kind": type(error).__name__, "message": str(error)}}


if __name__ == "__main__":
    sys.exit(main())
