"""Lexical support: what it sees, and, as honestly, what it does not."""

import pytest

from storage.records import Outcome
from trainer.checks import lexical_support
from trainer.evaluate.lexical import Answer, support

SOURCE = {"leave": "New staff get 20 days of annual leave. Anna Smith approves it in Berlin."}


def _of(text: str):
    return support(Answer(text, SOURCE))


def test_a_copy_is_wholly_supported() -> None:
    found = _of("New staff get 20 days of annual leave [leave].")
    assert (found.words, found.pairs, found.cited) == (1.0, 1.0, 1.0)
    assert not found.invents


@pytest.mark.parametrize(
    ("text", "field", "odd"),
    [
        ("New staff get 30 days of annual leave.", "numbers", ("30",)),
        ("Leave is approved by Peter in Berlin.", "names", ("peter",)),
        ("New staff get 20 days [handbook].", "citations", ("handbook",)),
    ],
    ids=["number", "name", "citation"],
)
def test_what_is_invented_is_named(text: str, field: str, odd: tuple[str, ...]) -> None:
    found = _of(text)
    assert getattr(found, field) == odd
    assert found.invents


def test_a_dropped_not_is_missed_and_a_paraphrase_is_unsupported() -> None:
    """The limits that the page and the reason state: these are no wishes."""
    source = {"a": "Visitors may not park in the yard."}
    assert support(Answer("Visitors may park in the yard.", source)).words == 1.0
    assert support(Answer("Guests cannot leave cars here.", source)).words == 0.0


def test_letters_of_other_scripts_are_words() -> None:
    assert support(Answer("Größe übersteigt 20", {"a": "größe übersteigt 20"})).words == 1.0
    assert support(Answer("他住在北京", {"a": "他住在北京"})).words == 1.0


def _check(invented: int, of: int = 200, silent: int = 0):
    answers = [Answer("New staff get 99 days.", SOURCE)] * invented
    answers += [Answer("New staff get 20 days.", SOURCE)] * (of - invented)
    answers += [Answer("I do not know.", SOURCE)] * silent
    return lexical_support.check(answers)


@pytest.mark.parametrize(
    ("invented", "outcome"),
    [(0, Outcome.PASS), (5, Outcome.PASS), (10, Outcome.WARN), (30, Outcome.FAIL)],
)
def test_the_outcome_follows_the_lower_bound(invented: int, outcome: Outcome) -> None:
    assert _check(invented).outcome is outcome


def test_silence_is_said_and_does_not_count_as_support() -> None:
    found = _check(30, silent=300)
    assert found.outcome is Outcome.FAIL
    assert "300 of 500 answers abstain" in found.reason
    assert _check(0, of=50, silent=300).outcome is Outcome.NOT_RUN


def test_what_was_invented_is_quoted_where_the_texts_may_be_read() -> None:
    answers = [Answer("New staff get 99 days.", SOURCE)] * 200
    told, kept = (lexical_support.check(answers, quote=quote).reason for quote in (True, False))
    assert "such as '99'" in told
    assert "99" not in kept


def test_labels_are_no_answers() -> None:
    assert lexical_support.check(None).outcome is Outcome.NOT_RUN
