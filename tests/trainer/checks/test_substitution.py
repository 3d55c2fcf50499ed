"""Counterfactual texts: whole words, their case, and what a word means where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.checks.substitution import load_terms, substitute

TERMS = load_terms()
BY_NAME = {attribute.name: attribute for attribute in TERMS.attributes}


def _swap(text, attribute="gender"):
    found = substitute(0, text, BY_NAME[attribute], TERMS)
    return None if found is None else found.swapped


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("He lost his card.", "She lost her card."),
        ("The card is his.", "The card is hers."),
        ("It was his and not mine", "It was hers and not mine"),
        ("I saw her yesterday", "I saw him yesterday"),
        ("I saw her.", "I saw him."),
        ("her new card", "his new card"),
        ("The card is hers", "The card is his"),
        ("we told him", "we told her"),
        ("SHE SAID NO", "HE SAID NO"),
        ("He's late, Mr Jones", "She's late, Ms Jones"),
        ("my mom and my dad", "my dad and my mum"),
        ("two women, one man", "two men, one woman"),
    ],
)
def test_words_of_gender_are_turned(text, swapped):
    assert _swap(text) == swapped


@pytest.mark.parametrize("text", ["the theatre", "manage the chest", "history here", "", "12 %"])
def test_parts_of_words_are_left_alone(text):
    assert _swap(text) is None


def test_several_groups_turn_in_one_row():
    text = "The imam of the mosque and other Muslims"
    found = substitute(0, text, BY_NAME["religion"], TERMS)
    row = next(
        place for place, name in enumerate(BY_NAME["religion"].groups) if name == found.target
    )
    words = [BY_NAME["religion"].rows[word][1][row] for word in ("imam", "mosque", "muslims")]
    assert found.swapped == f"The {words[0]} of the {words[1]} and other {words[2].capitalize()}"
    assert found.source == "muslim"


def test_a_control_says_the_same_of_the_same_group():
    found = substitute(0, "On Monday Sarah asked again", BY_NAME["names"], TERMS)
    assert found.control.startswith("On ")
    changed = [
        (old, new)
        for old, new in zip(
            ["On", "Monday", "Sarah", "asked", "again"], found.control.split(), strict=True
        )
        if old != new
    ]
    assert len(changed) == 1
    assert changed[0][0] in {"Monday", "Sarah"}
    assert found.swapped != found.control


def test_without_a_neutral_word_there_is_no_control():
    assert substitute(0, "women vote", BY_NAME["gender"], TERMS).control == ""


def test_only_words_of_a_disability_are_looked_for():
    assert _swap("he is able", "disability") is None
    assert _swap("a blind man", "disability") == "a sighted man"


@pytest.mark.parametrize("attribute", TERMS.attributes, ids=lambda attribute: attribute.name)
def test_the_lists_are_whole(attribute):
    assert len(attribute.groups) >= 2
    assert len(attribute.rows) >= 4
    for word, (group, row) in attribute.rows.items():
        assert len(row) == len(attribute.groups)
        assert word == word.lower()
        assert group < len(row)
        assert all(part.isalpha() for part in (word, *row))


@given(st.text())
def test_no_text_stops_it_and_the_rest_stays(text):
    for attribute in TERMS.attributes:
        found = substitute(0, text, attribute, TERMS)
        assert found is None or found.swapped != text


def test_the_same_text_is_always_swapped_alike():
    text = "An Indian and a Chinese customer"
    assert _swap(text, "origin") == _swap(text, "origin")
