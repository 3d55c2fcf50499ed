"""The demo's data: short support messages from a seeded generator.

Eight intents in the words of customers, and a region for each message. Many customers name two
topics of which only one is what they want now ("the refund came, it is the invoice that is
missing"): counting words is not enough there. A few messages of the test file are planted in the
train file, so that the leakage gate has something to find, and some labels are wrong, so that
nothing is perfect, as in life. The same seed gives the same files, byte for byte.
"""

import csv
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TRAIN_ROWS = 1_960
TEST_ROWS = 560
PLANTED = 14
NOISE = 0.03
TWO_TOPICS = 0.45
MOST_WORDS = 15
"""Keeps a message within twenty tokens of a BERT-type tokenizer."""

_WORD = re.compile(r"\w+|[^\w\s]")
REGIONS = ("north", "south", "east", "west")

TASK_TOML = """\
# Which team should answer a support message? The demo's own task.
name = "support"
kind = "classification"
primary_metric = "macro_f1"
owner = "support-ml"
sensitive = ["region"]
favourable = ["refund"]

[data]
train = "train.csv"
test = "test.csv"
text = "message"
label = "intent"
"""

_OPENERS = ("", "", "", "hi,", "hello,", "hey there,", "good morning,", "please help,", "sorry,")
_CLOSERS = ("", "", "", "thanks", "please", "asap", "can you help?", "cheers", "thank you")
_THINGS = ("headphones", "jacket", "coffee machine", "lamp", "backpack", "phone case", "desk")
_DAYS = ("monday", "tuesday", "last week", "two weeks ago", "yesterday", "the 4th", "friday")
_CARDS = ("visa", "card", "debit card", "paypal account", "bank account")

_BODIES = {
    "refund": (
        "i want my money back for the {thing}",
        "the {thing} broke after {day}, refund me",
        "returned the {thing} {day}, where is my money",
        "not happy with the {thing}, how do i send it back",
        "you charged me twice for the {thing}",
        "the {thing} is not as described, i want to return it",
        "my return from {day} was never paid out to my {card}",
    ),
    "delivery": (
        "where is my {thing}",
        "the {thing} should have arrived {day}",
        "my parcel with the {thing} is late",
        "tracking has not changed since {day}",
        "the courier left my {thing} somewhere else",
        "when will the {thing} get here, i ordered {day}",
        "parcel says delivered but no {thing} at my door",
    ),
    "cancel_order": (
        "cancel my order for the {thing}",
        "i ordered the {thing} by mistake {day}",
        "stop the {thing} before it ships",
        "i do not need the {thing} any more",
        "please take the {thing} out of my order from {day}",
        "changed my mind about the {thing}, do not send it",
    ),
    "payment": (
        "my {card} was declined for the {thing}",
        "payment with my {card} does not go through",
        "checkout says error when i pay for the {thing}",
        "can i pay for the {thing} with my {card}",
        "the payment from {day} is still pending on my {card}",
        "you charged my {card} the wrong amount {day}",
    ),
    "account": (
        "i cannot log in since {day}",
        "reset my password, the mail never came",
        "my account is locked after {day}",
        "how do i change the mail address of my account",
        "delete my account and my {card} please",
        "somebody else used my account {day}",
    ),
    "invoice": (
        "i need an invoice for the {thing}",
        "the invoice from {day} has the wrong name",
        "send me the receipt of the {thing} again",
        "my company needs a bill for the order from {day}",
        "no tax number on the invoice for the {thing}",
        "where can i download the receipt from {day}",
    ),
    "product": (
        "does the {thing} come in blue",
        "how big is the {thing}",
        "is the {thing} back in stock {day}",
        "what is the guarantee on the {thing}",
        "how do i clean the {thing}",
        "the {thing} does not switch on, what can i do",
    ),
    "complaint": (
        "your support has ignored me since {day}",
        "worst service ever, still waiting for an answer",
        "i have written three times about the {thing}",
        "your agent on the phone {day} was rude",
        "i will tell everybody how you treat customers",
        "nobody called me back about the {thing} as promised {day}",
    ),
}

_TOPICS = {
    "refund": ("refund", "money back", "return"),
    "delivery": ("parcel", "delivery", "shipment"),
    "cancel_order": ("cancellation", "order i cancelled", "cancelled order"),
    "payment": ("payment", "card payment", "charge"),
    "account": ("login", "password", "account"),
    "invoice": ("invoice", "receipt", "bill"),
    "product": ("size", "colour", "guarantee"),
    "complaint": ("complaint", "rude agent", "bad service"),
}
_WANTED_THEN_SETTLED = (
    "still no news on the {wanted}, the {settled} is fine",
    "what about the {wanted}, you solved the {settled}",
    "help me with the {wanted}, not the {settled}",
    "the {wanted} is my problem, forget the {settled}",
    "please look at the {wanted}, the {settled} is done",
    "it is the {wanted} that worries me, not the {settled}",
)
_SETTLED_THEN_WANTED = (
    "the {settled} is fine, still no news on the {wanted}",
    "you solved the {settled}, what about the {wanted}",
    "not the {settled}, help me with the {wanted}",
    "forget the {settled}, the {wanted} is my problem",
    "the {settled} is done, please look at the {wanted}",
    "it is not the {settled} that worries me but the {wanted}",
)


@dataclass(frozen=True, slots=True)
class Message:
    """One row: what was written, where from, and which team should answer."""

    message: str
    region: str
    intent: str


def write_files(folder: Path, seed: int = 7) -> Path:
    """Write `train.csv`, `test.csv` and the task file; return the task file.

    Files that are there and equal are left alone, so that a second demo finds the same data.
    """
    train, test = generate(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "train.csv", train)
    _write(folder / "test.csv", test)
    task = folder / "support.toml"
    task.write_text(TASK_TOML, encoding="utf-8")
    return task


def generate(seed: int) -> tuple[list[Message], list[Message]]:
    """Train and test messages, all different but for the planted ones."""
    rng = random.Random(seed)  # noqa: S311  data, not secrets
    fresh = _messages(rng)
    test = [next(fresh) for _ in range(TEST_ROWS)]
    train = [next(fresh) for _ in range(TRAIN_ROWS - PLANTED)]
    planted = [_disguised(message) for message in rng.sample(test, PLANTED)]
    train += planted
    rng.shuffle(train)
    return [_mislabelled(rng, message) for message in train], [
        _mislabelled(rng, message) for message in test
    ]


def _messages(rng: random.Random) -> Iterator[Message]:
    """Endless different messages, intents and regions in turn."""
    seen: set[str] = set()
    intents = list(_BODIES)
    number = 0
    while True:
        intent = intents[number % len(intents)]
        text = _compose(rng, intent)
        if text in seen:
            continue
        seen.add(text)
        yield Message(text, REGIONS[number // len(intents) % len(REGIONS)], intent)
        number += 1


def _compose(rng: random.Random, intent: str) -> str:
    body = _two_topics(rng, intent) if rng.random() < TWO_TOPICS else _one_topic(rng, intent)
    around = (rng.choice(_OPENERS), body, rng.choice(_CLOSERS))
    text = " ".join(part for part in around if part)
    return text if len(_WORD.findall(text)) <= MOST_WORDS else body


def _one_topic(rng: random.Random, intent: str) -> str:
    return rng.choice(_BODIES[intent]).format(
        thing=rng.choice(_THINGS), day=rng.choice(_DAYS), card=rng.choice(_CARDS)
    )


def _two_topics(rng: random.Random, intent: str) -> str:
    settled = rng.choice([other for other in _TOPICS if other != intent])
    return rng.choice(_WANTED_THEN_SETTLED + _SETTLED_THEN_WANTED).format(
        wanted=rng.choice(_TOPICS[intent]), settled=rng.choice(_TOPICS[settled])
    )


def _disguised(message: Message) -> Message:
    """The same words in other case and spacing: a duplicate only when folded."""
    return Message(
        message.message.capitalize().replace(" ", "  ", 1), message.region, message.intent
    )


def _mislabelled(rng: random.Random, message: Message) -> Message:
    if rng.random() >= NOISE:
        return message
    return Message(message.message, message.region, rng.choice(list(_BODIES)))


def _write(target: Path, rows: list[Message]) -> None:
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("message", "region", "intent"))
        writer.writerows((row.message, row.region, row.intent) for row in rows)
