"""Rows of tasks that are answered with more than a label: texts, numbers, entities, chats.

The form of a file is found from its first row (or named, `format`), and every row has it: a file
that changes its form half-way is refused with the row.

    messages            {"messages": [{"role": …, "content": …}, …]}, as OpenAI takes it; the last
                        turn is the answer
    prompt_completion   {"prompt": …, "completion": …}: texts, or lists of turns
    alpaca              {"instruction": …, "input": …, "output": …}, or with `instances`
    columns             the task's text and label columns
    text                the task's text column alone
    conll               a token and its tag a line
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import BadData
from storage.records import Task, TaskKind
from trainer.data.objects import CONLL, Row, is_nothing, read_objects
from trainer.data.schema import UNKNOWN_GROUP, Example, ReadFile, identity_of
from trainer.evaluate import entities
from trainer.evaluate.outputs import number

ROLES = ("system", "user", "assistant", "tool")
KEYS = {
    "messages": {"messages"},
    "prompt_completion": {"prompt", "completion"},
    "alpaca": {"instruction"},
}


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    answer: str
    turns: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    as_is: bool = False


def read_written(path: Path, task: Task) -> ReadFile:
    """The examples of one file.

    Raises:
        BadInput: The file cannot be opened.
        BadData: A row cannot be used; says which, and what to do.
    """
    form: str = task.data.format
    examples: list[Example] = []
    empty: list[int] = []
    seen: Counter[tuple[str, str]] = Counter()
    count = 0
    for row_number, row in read_objects(path, task.data):
        count += 1
        where = f"{path.name}, row {row_number}"
        if form == "auto":
            form = _form_of(row, path, task)
        _refuse_another_form(form, row, where, task)
        for content in _READERS[form](row, where, task):
            if not content.text.strip():
                empty.append(row_number)
                continue
            examples.append(_example(row_number, row, content, task, seen))
    if not examples:
        what = "has no rows" if not count else f"has {count} rows, and none has a text"
        raise BadData(f"{path.name} {what}. Give a file with something to learn in each row.")
    return ReadFile(tuple(examples), count, tuple(empty), ())


def _form_of(row: Row, path: Path, task: Task) -> str:
    if path.suffix.lower() in CONLL:
        return "conll"
    if task.kind is TaskKind.TEXT:
        return "text"
    for form, keys in KEYS.items():
        if row.keys() >= keys:
            return form
    return "columns"


def _refuse_another_form(form: str, row: Row, where: str, task: Task) -> None:
    wanted = KEYS.get(form, {task.data.text} | ({task.data.label} if form == "columns" else set()))
    missing = sorted(wanted - row.keys())
    if not missing:
        return
    other = next((name for name, keys in KEYS.items() if row.keys() >= keys), "")
    looks = f"it looks like {other}" if other else f"its keys are {', '.join(map(repr, row))}"
    raise BadData(
        f"{where}: {', '.join(map(repr, missing))} is missing; the rows are of the form {form}, "
        f"and {looks}. A file has one form: mend the row, or set `format` in the task's [data]."
    )


def _example(
    row_number: int, row: Row, content: _Content, task: Task, seen: Counter[tuple[str, str]]
) -> Example:
    def column(name: str) -> str:
        value = row.get(name)
        return "" if is_nothing(value) else str(value)

    return Example(
        id=identity_of(content.text, content.answer, seen),
        text=content.text,
        label=content.answer,
        row=row_number,
        groups=tuple(column(name) or UNKNOWN_GROUP for name in task.sensitive),
        cluster=column(task.cluster) if task.cluster else "",
        turns=content.turns,
        others=content.others,
        as_is=content.as_is,
    )


# --- one reader a form ---------------------------------------------------------------------------


def _messages(row: Row, where: str, task: Task) -> Iterator[_Content]:
    yield _chat(row["messages"], where)


def _chat(turns: object, where: str) -> _Content:
    read = _turns(turns, where)
    if read[-1][0] != "assistant":
        raise BadData(
            f"{where}: the last message is of role {read[-1][0]!r}; the answer, of role "
            "'assistant', must be last."
        )
    *before, (_, answer) = read
    if not before:
        raise BadData(f"{where}: there is an answer and nothing before it. Add what was asked.")
    return _Content(_joined(before), answer, tuple(before))


def _turns(turns: object, where: str) -> list[tuple[str, str]]:
    if not isinstance(turns, list | tuple) or not turns:
        raise BadData(f"{where}: a list of messages with role and content is expected.")
    found = []
    for place, turn in enumerate(turns, 1):
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if role not in ROLES or not isinstance(content, str):
            raise BadData(
                f"{where}, message {place}: a role ({', '.join(ROLES)}) and a content (text) are "
                f"expected, but this is {str(turn)[:80]!r}."
            )
        found.append((str(role), content))
    return found


def _joined(turns: Sequence[tuple[str, str]]) -> str:
    """What was said, for people and for finding copies."""
    return turns[0][1] if len(turns) == 1 else "\n".join(f"{role}: {said}" for role, said in turns)


def _prompt_completion(row: Row, where: str, task: Task) -> Iterator[_Content]:
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, list) and isinstance(completion, list):
        yield _chat([*prompt, *completion], where)
        return
    yield _Content(
        _text(prompt, "prompt", where), _answer(completion, "completion", where), as_is=True
    )


def _alpaca(row: Row, where: str, task: Task) -> Iterator[_Content]:
    asked = _text(row["instruction"], "instruction", where)
    instances = row.get("instances", [row])
    for one in instances if isinstance(instances, list) else []:
        given = one.get("input")
        text = asked if is_nothing(given) else f"{asked}\n\n{_text(given, 'input', where)}"
        yield _Content(text, _answer(one.get("output"), "output", where))


def _columns(row: Row, where: str, task: Task) -> Iterator[_Content]:
    text = row[task.data.text]
    if is_nothing(text):
        yield _Content("", "")
        return
    label, name = row[task.data.label], task.data.label
    if task.kind is TaskKind.EXTRACTION:
        yield _Content(_text(text, task.data.text, where), _entities(label, name, where))
    elif isinstance(label, list):
        answers = [_answer(one, name, where) for one in label]
        if not answers:
            raise BadData(f"{where}, column {name!r}: an empty list of answers. Add one.")
        yield _Content(_text(text, task.data.text, where), answers[0], others=tuple(answers[1:]))
    else:
        answer = _answer(label, name, where)
        if task.kind is TaskKind.REGRESSION and number(answer) is None:
            raise BadData(f"{where}, column {name!r}: {answer[:40]!r} is no number. Mend that row.")
        yield _Content(_text(text, task.data.text, where), answer.strip())


def _only_text(row: Row, where: str, task: Task) -> Iterator[_Content]:
    text = row[task.data.text]
    yield _Content("" if is_nothing(text) else _text(text, task.data.text, where), "")


def _conll(row: Row, where: str, task: Task) -> Iterator[_Content]:
    yield _Content(row[task.data.text], _entities(row["entities"], "entities", where))


def _entities(value: Any, name: str, where: str) -> str:
    if isinstance(value, str):
        _, valid = entities.read(value)
        if not valid:
            raise BadData(
                f"{where}, column {name!r}: write each entity on a line as `type: words`, or "
                f"`{entities.NOTHING}`."
            )
        return value.strip()
    pairs = [
        (one.get("type"), one.get("text")) if isinstance(one, dict) else (None, None)
        for one in value or ()
    ]
    if not all(isinstance(part, str) and part.strip() for pair in pairs for part in pair):
        raise BadData(f"{where}, column {name!r}: each entity needs a `type` and a `text`.")
    return entities.written([(str(kind), str(words)) for kind, words in pairs])


def _text(value: object, name: str, where: str) -> str:
    if isinstance(value, str):
        return value
    raise BadData(
        f"{where}, column {name!r}: text is expected, but this is a {type(value).__name__}."
    )


def _answer(value: object, name: str, where: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_nothing(value):
        return str(value)
    if is_nothing(value):
        raise BadData(f"{where}, column {name!r}: there is no answer. Add it, or take the row out.")
    return _text(value, name, where)


_READERS: dict[str, Callable[[Row, str, Task], Iterator[_Content]]] = {
    "messages": _messages,
    "prompt_completion": _prompt_completion,
    "alpaca": _alpaca,
    "columns": _columns,
    "text": _only_text,
    "conll": _conll,
}
