"""The grammar: words apart, mistakes explained, no text that stops the parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import VERBS, Command, parse
from storage.errors import BadInput, UnknownName, UserError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Command("help")),
        ("help run", Command("help", ("run",))),
        (
            "run task=tickets method=lora epochs=2",
            Command("run", (), {"task": "tickets", "method": "lora", "epochs": "2"}),
        ),
        ("RUN tickets lora", Command("run", ("tickets", "lora"))),
        (
            'run task=t base="/my models/x"',
            Command("run", (), {"task": "t", "base": "/my models/x"}),
        ),
        (
            "run task=t base=“/my models/x”",
            Command("run", (), {"task": "t", "base": "/my models/x"}),
        ),
        ("approve v1 it's a=b good", Command("approve", ("v1",), {}, "it's a=b good")),
        ("task add ./a.toml", Command("task", ("add", "./a.toml"))),
    ],
    ids=["empty", "help", "keys", "words", "quoted", "typographic", "free", "path"],
)
def test_a_line_becomes_a_command(line: str, expected: Command) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rn task=t", "Did you mean `run`?"),
        ("run metod=t", "Did you mean `method`?"),
        ("run task=a task=b", "stands twice"),
        ("run task=", "has no value"),
        ('run task="a', "quote is not closed"),
        ("cancel key=r1", "takes no keys"),
    ],
)
def test_a_mistake_is_explained(line: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(line)
    assert said in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_stops_the_parser(line: str) -> None:
    try:
        command = parse(line)
    except (BadInput, UnknownName):
        return
    assert command.verb in VERBS


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_the_example_of_every_verb_parses(verb: object) -> None:
    example = VERBS[str(getattr(verb, "name", ""))].example
    assert parse(example).verb == example.split()[0]
