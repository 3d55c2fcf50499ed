"""The form for a new task: which files, which columns, and then the same words as in chat."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.access import LAUNCH, require
from bot.actions import Actions
from bot.commands import Command, line_of, parse
from bot.data_files import below_roots, columns_of, data_files
from bot.slack import blocks, speech, task_form
from bot.slack.listeners.modals import at_field, metadata_of, open_form, sender, values_of
from bot.slack.listeners.origin import Body, caller_of, target_of
from storage.errors import BadInput, UserError


def register(app: App, actions: Actions) -> None:
    """Listen to the button and to both steps."""

    @app.action(task_form.OPEN)
    def new_task(ack: Ack, body: Body, client: WebClient) -> None:
        open_new_task(actions, client, body)
        ack()

    @app.view(task_form.FILES)
    def files(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        given = _filled(values_of(view), task_form.FILE_FIELDS)
        try:
            require(caller, LAUNCH, "add a task")
            actions.registry.described(_command(given), caller)
        except UserError as error:
            ack(
                response_action="errors",
                errors=at_field(str(error), task_form.FILE_FIELDS, "name"),
            )
            return
        first = given.get("file") or given.get("train", "")
        columns = columns_of(Path(below_roots(first, actions.settings.data.roots)))
        next_view = task_form.columns_view(given, columns, place.channel)
        ack(response_action="update", view=next_view)

    @app.view(task_form.COLUMNS)
    def columns(ack: Ack, body: Body, view: Body) -> None:
        caller, place = sender(actions, body, view)
        try:
            more = _more(values_of(view))
        except UserError as error:
            ack(response_action="errors", errors={"more": str(error)[:2000]})
            return
        try:
            command = _whole_command(view, more)
            actions.registry.described(command, caller)
            reply = actions.handle(line_of(command), caller, f"slack:view:{view['id']}")
        except UserError as error:
            errors = at_field(str(error), task_form.COLUMN_FIELDS, "more")
            ack(response_action="errors", errors=errors)
            return
        speech.say(actions.ledger, blocks.reply_message(reply), place, f"view:{view['id']}")
        ack()


def open_new_task(actions: Actions, client: WebClient, body: Body) -> None:
    """Open the first step.

    Raises:
        NotAllowed: The person may not add tasks.
        BadInput: There is no data file that chat may name.
    """
    require(caller_of(actions.directory, body), LAUNCH, "add a task")
    found = data_files(actions.settings.data.roots)
    if not found:
        roots = ", ".join(actions.settings.data.roots) or "none is set"
        raise BadInput(
            f"There is no data file below the data roots ({roots}), so there is nothing to choose "
            "from. Put a CSV, JSONL or Parquet file there; an admin sets the roots under [data]."
        )
    otherwise = "Write `task new NAME file=FILE text=COLUMN label=COLUMN`."
    view = task_form.files_view(found, target_of(body).channel)
    open_form(client, body, view, otherwise)


def _more(values: Mapping[str, str]) -> dict[str, str]:
    """What the field for more settings says.

    Raises:
        UserError: It cannot be read.
    """
    typed = parse(f"task new x {values.get('more', '')}")
    if typed.words[2:]:
        raise BadInput(f"I do not know what {typed.words[2]!r} means: write settings as key=value.")
    return typed.options


def _whole_command(view: Body, more: Mapping[str, str]) -> Command:
    """Both steps as a command.

    Raises:
        BadInput: Something is said twice.
    """
    before = metadata_of(view).get("given")
    given = before if isinstance(before, dict) else {}
    kept = {str(key): str(value) for key, value in given.items()}
    kept |= _filled(values_of(view), task_form.COLUMN_FIELDS[:-1])
    if doubled := sorted(kept.keys() & more.keys()):
        raise BadInput(f"The key `{doubled[0]}` stands twice; it has a field of its own.")
    return _command({**kept, **more})


def _command(given: Mapping[str, str]) -> Command:
    options = {key: value for key, value in given.items() if key != "name"}
    for key, value in options.items():
        if '"' in value:
            raise BadInput(f"`{key}` holds a quotation mark; write a task file instead.")
    return Command("task", ("new", given.get("name", "")), options)


def _filled(values: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    names = set(known)
    return {key: value for key, value in values.items() if value and key in names}
