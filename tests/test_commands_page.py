"""docs/commands.md shows every word, with what is answered to it now."""

import re

import commands_page

from bot.commands import VERBS


def test_the_page_shows_what_is_answered() -> None:
    written = commands_page.PAGE.read_text(encoding="utf-8")
    made = commands_page.page()
    assert commands_page.same(written, made), "run `python tests/commands_page.py` and look"
    assert re.findall(r"^## (\w+)$", made, flags=re.MULTILINE) == list(VERBS)
    assert "(exit code" not in made


def test_only_numbers_may_differ() -> None:
    assert commands_page.same("macro_f1 0.924  n = 500", "macro_f1 0.9 n = 5,000")
    assert not commands_page.same("lora is better", "lora is worse")
