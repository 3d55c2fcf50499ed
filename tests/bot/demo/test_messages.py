"""The demo's data: the same for the same seed, and what the story counts on."""

from collections import Counter
from pathlib import Path

from bot.bases import BUILT_IN, catalogue
from bot.demo.messages import PLANTED, REGIONS, TEST_ROWS, generate, write_files
from bot.settings import Settings
from storage.tasks import read_task_file


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_files(tmp_path / name)
    for file in ("train.csv", "test.csv", "support.toml"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_only_the_planted_messages_stand_in_both_files() -> None:
    train, test = generate(7)
    texts = [{_folded(row.message) for row in rows} for rows in (train, test)]
    assert len(texts[0] & texts[1]) == PLANTED
    assert {row.message for row in train} & {row.message for row in test} == set()


def test_groups_and_intents_are_large_enough_to_judge() -> None:
    _, test = generate(7)
    assert len(test) == TEST_ROWS >= 500
    regions = Counter(row.region for row in test)
    assert set(regions) == set(REGIONS)
    assert min(regions.values()) >= 100
    assert min(Counter(row.intent for row in test).values()) >= 50


def test_messages_fit_into_twenty_tokens() -> None:
    from tokenizers import Tokenizer

    folder = Path(str(catalogue(Settings())[BUILT_IN].path))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    train, test = generate(7)
    longest = max(len(tokenizer.encode(row.message).ids) for row in train + test)
    assert longest <= 20


def test_the_task_file_is_valid(tmp_path: Path) -> None:
    task = read_task_file(write_files(tmp_path))
    assert task.sensitive == ("region",)
    assert Path(task.data.files()["test"]).exists()
