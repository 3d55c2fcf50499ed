"""Where a text begins and an answer ends, by a base's tokenizer and its chat template."""

from typing import Any

from storage.errors import BadInput


def first_token(tokenizer: Any) -> list[int]:
    """The token that the tokenizer sets before a text; empty where it sets none."""
    first = tokenizer.bos_token_id
    sets = first is not None and tokenizer("a")["input_ids"][:1] == [first]
    return [int(first)] if sets else []


def end_of_text(tokenizer: Any) -> int:
    """The token that ends a text.

    Raises:
        BadInput: The tokenizer names none.
    """
    if tokenizer.eos_token_id is None:
        raise BadInput(
            "This base's tokenizer names no end-of-text token, so no answer ever ends. Set "
            "`eos_token` in its tokenizer_config.json."
        )
    return int(tokenizer.eos_token_id)


def end_of_turn(tokenizer: Any) -> int:
    """The token with which the chat template ends an answer.

    Raises:
        BadInput: It ends none.
    """
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    write = tokenizer.apply_chat_template
    asked = write(turns[:1], add_generation_prompt=True, tokenize=False)
    whole = write(turns, tokenize=False)
    rest = whole.removeprefix(asked).removeprefix("b")
    ids = tokenizer(rest, add_special_tokens=False)["input_ids"]
    if not whole.startswith(asked) or not ids:
        raise BadInput(
            "The chat template does not end an answer, or writes it otherwise than it asks for it. "
            "Give the task a `chat_template` that ends each turn with the end-of-text token."
        )
    return int(ids[0])
