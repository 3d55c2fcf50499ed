"""A task's rows, read, checked and split."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import BadData
from storage.records import DataSource, Split, Task
from trainer.data.dataset import Dataset, load_dataset
from trainer.data.leakage import keep_out
from trainer.data.schema import Example, fold
from trainer.data.split import FROM_TRAIN, ONE_FILE, divide

LABELS = ("a", "b", "c")
CONTENT, TEST = "78c3f7db1f673c65", "57c2f3ceea56a18a"


def csv(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return str(path)


def plenty(count: int = 60, start: int = 0) -> list[tuple[str, str]]:
    return [(f"text {number}", LABELS[number % 3]) for number in range(start, start + count)]


def load(tmp_path: Path, rows: list[tuple[str, str]], **task: Any) -> Dataset:
    source = DataSource(file=csv(tmp_path / "rows.csv", rows))
    return load_dataset(Task(name="t", data=source, **task))


def load_splits(tmp_path: Path, **splits: list[tuple[str, str]]) -> Dataset:
    files = {role: csv(tmp_path / f"{role}.csv", rows) for role, rows in splits.items()}
    return load_dataset(Task(name="t", data=DataSource.model_validate(files)))


def test_one_file_is_split_seventy_ten_twenty_with_every_label_in_proportion(
    tmp_path: Path,
) -> None:
    data = load(tmp_path, plenty(300))
    found = {split: data.version.split(split).class_counts for split in Split}
    assert found[Split.TRAIN] == {"a": 70, "b": 70, "c": 70}
    assert found[Split.VALIDATION] == {"a": 10, "b": 10, "c": 10}
    assert found[Split.TEST] == {"a": 20, "b": 20, "c": 20}


def test_train_and_test_only_take_a_tenth_of_train_for_validation(tmp_path: Path) -> None:
    data = load_splits(tmp_path, train=plenty(300), test=plenty(30, start=900))
    assert [data.version.split(split).rows for split in Split] == [270, 30, 30]


def test_the_same_file_gives_the_same_rows_again(tmp_path: Path) -> None:
    first, again = load(tmp_path, plenty()), load(tmp_path, plenty())
    assert first == again


def test_the_order_of_the_rows_does_not_decide_the_split(tmp_path: Path) -> None:
    first, turned = load(tmp_path, plenty()), load(tmp_path, plenty()[::-1])
    ids = [{row.id for row in data.splits[Split.TEST]} for data in (first, turned)]
    assert ids[0] == ids[1]
    assert first.version.content_digest != turned.version.content_digest


def test_another_split_seed_is_another_version_of_the_data(tmp_path: Path) -> None:
    first = load(tmp_path, plenty())
    source = DataSource(file=str(tmp_path / "rows.csv"), split_seed=1)
    other = load_dataset(Task(name="t", data=source))
    assert first.version.content_digest != other.version.content_digest
    assert first.version.test_digest != other.version.test_digest


def test_the_name_and_place_of_a_file_do_not_change_its_digest(tmp_path: Path) -> None:
    first = load(tmp_path, plenty())
    elsewhere = DataSource(file=csv(tmp_path / "moved.csv", plenty()))
    moved = load_dataset(Task(name="another-name", data=elsewhere))
    assert first.version.content_digest == moved.version.content_digest


def test_the_digests_are_what_they_were_when_this_was_written(tmp_path: Path) -> None:
    version = load(tmp_path, plenty()).version
    assert version.content_digest[:16] == CONTENT
    assert version.test_digest[:16] == TEST


def test_labels_are_in_alphabetical_order(tmp_path: Path) -> None:
    assert load(tmp_path, plenty()[::-1]).labels == LABELS


def test_duplicates_of_test_rows_are_kept_out_of_train_and_counted(tmp_path: Path) -> None:
    test = plenty(30, start=900)
    copied = [(test[0][0].upper(), "a"), (f"  {test[1][0]}", "b")]
    data = load_splits(tmp_path, train=plenty(60) + copied, validation=plenty(9, 500), test=test)
    quality = data.version.quality
    assert (quality.kept_out_of_train, quality.duplicates_across_splits) == (2, 2)
    assert data.version.split(Split.TRAIN).rows == 60
    assert data.version.split(Split.TEST).rows == 30


def test_duplicates_of_test_rows_are_kept_out_of_validation_too(tmp_path: Path) -> None:
    test = plenty(30, start=900)
    data = load_splits(tmp_path, train=plenty(60), validation=plenty(9, 500) + test[:1], test=test)
    assert data.version.quality.kept_out_of_train == 0
    assert data.version.quality.duplicates_across_splits == 1
    assert "validation" in " ".join(data.version.quality.notes)
    assert data.version.split(Split.VALIDATION).rows == 9


def test_duplicates_and_conflicts_are_counted_after_folding(tmp_path: Path) -> None:
    more = [("text 0", "a"), ("TEXT  0", "a"), ("Text 1", "a")]
    quality = load(tmp_path, plenty() + more).version.quality
    assert (quality.duplicates_exact, quality.duplicates_folded) == (1, 3)
    assert quality.conflicting_labels == 1


def test_rows_without_a_text_are_counted_with_their_numbers(tmp_path: Path) -> None:
    quality = load(tmp_path, [*plenty(), ("  ", "a"), ("", "")]).version.quality
    assert (quality.empty_rows, quality.empty_row_numbers) == (2, (62, 63))
    assert quality.rows_used == 60


@pytest.mark.parametrize("label", ["", "NaN", "nan", "  "])
def test_a_text_without_a_label_is_refused_with_its_row(tmp_path: Path, label: str) -> None:
    with pytest.raises(BadData, match=r"rows\.csv, row 62: no label in column 'label'"):
        load(tmp_path, [*plenty(), ("one", label)])


REFUSED: dict[str, tuple[list[tuple[str, str]], str]] = {
    "an empty file": ([], "has no rows"),
    "only empty rows": ([("", ""), (" ", "a")], "none has a text"),
    "one class": ([(f"text {n}", "a") for n in range(40)], "the label 'a'"),
    "a text as label": ([(f"t {n}", f"l {n}") for n in range(3000)], "right column"),
    "too few rows": ([("one", "a"), ("two", "b")], "no rows are left for"),
}


@pytest.mark.parametrize(("rows", "said"), REFUSED.values(), ids=REFUSED)
def test_data_that_nothing_can_be_learnt_from_is_refused(
    tmp_path: Path, rows: list[tuple[str, str]], said: str
) -> None:
    with pytest.raises(BadData, match=said):
        load(tmp_path, rows)


def test_a_file_of_no_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    with pytest.raises(BadData, match="has no rows"):
        load_dataset(Task(name="t", data=DataSource(file=str(tmp_path / "rows.csv"))))


def test_a_label_of_the_test_that_train_lacks_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"test\.csv, row 32.*'new'.*not among"):
        load_splits(tmp_path, train=plenty(60), test=[*plenty(30, 900), ("x y", "new")])


@pytest.mark.parametrize("key", ["positive", "favourable"])
def test_a_named_label_must_exist(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadData, match=f"'{key}'.*'z'"):
        load(tmp_path, plenty(), **{key: "z" if key == "positive" else ("z",)})


def test_sensitive_columns_are_kept_and_empty_values_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [f"text {n},{LABELS[n % 3]},{'north' if n % 2 else ''}\n" for n in range(60)]
    path.write_text("text,label,region\n" + "".join(rows))
    task = Task(name="t", data=DataSource(file=str(path)), sensitive=("region",))
    data = load_dataset(task)
    groups = data.groups(data.splits[Split.TRAIN])["region"]
    assert set(groups) == {"north", "unknown"}
    counted = data.version.split(Split.TRAIN).group_counts["region"]
    assert counted == dict(sorted(Counter(groups).items()))


def test_a_missing_sensitive_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="'region'"):
        load(tmp_path, plenty(), sensitive=("region",))


def test_equal_rows_have_different_ids_that_do_not_depend_on_their_place(tmp_path: Path) -> None:
    data = load(tmp_path, plenty() + plenty())
    ids = [row.id for rows in data.splits.values() for row in rows]
    assert len(set(ids)) == len(ids) == 120


def test_sms_spam_has_its_known_duplicates_and_none_across_splits(shared: Path) -> None:
    path = shared / "data" / "sms_spam" / "sms.tsv"
    source = DataSource(file=str(path), columns=("label", "text"), quoting="none")
    data = load_dataset(Task(name="sms", data=source, positive="spam"))
    quality = data.version.quality
    assert (quality.duplicates_exact, quality.duplicates_folded) == (403, 415)
    assert quality.rows_read == quality.rows_used == 5574
    folded = [{fold(text) for text in data.texts(split)} for split in Split]
    assert sum(map(len, folded)) == len(set().union(*folded))


def test_quotes_of_sms_spam_read_as_csv_quotes_are_refused_and_not_swallowed(
    shared: Path,
) -> None:
    path = shared / "data" / "sms_spam" / "sms.tsv"
    source = DataSource(file=str(path), columns=("label", "text"))
    with pytest.raises(BadData, match=r'row 283.*quoting = "none"'):
        load_dataset(Task(name="sms", data=source))


# --- laws of the split ---------------------------------------------------------------------------

TEXTS = st.sampled_from(["Yes", "yes ", "no", "maybe", "x y", "X  Y", "z"])
EXAMPLES = st.lists(
    st.tuples(TEXTS | st.text("ab", min_size=1), st.sampled_from(LABELS)), max_size=120
)


def examples(rows: list[tuple[str, str]]) -> list[Example]:
    return [Example(str(place), text, label, place) for place, (text, label) in enumerate(rows)]


@settings(deadline=None)
@given(EXAMPLES, st.integers(0, 5), st.sampled_from([ONE_FILE, FROM_TRAIN]))
def test_a_split_loses_no_row_and_never_parts_equal_texts(
    rows: list[tuple[str, str]], seed: int, shares: dict[Split, float]
) -> None:
    made = examples(rows)
    parts = divide(made, shares, seed)
    assert sorted(int(row.id) for part in parts.values() for row in part) == list(range(len(made)))
    folded = [{fold(row.text) for row in part} for part in parts.values()]
    assert sum(map(len, folded)) == len(set().union(*folded))


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 5))
def test_each_label_keeps_its_share_within_one_row(first: int, second: int, seed: int) -> None:
    made = examples([(f"t {n}", "a" if n < first else "b") for n in range(first + second)])
    parts = divide(made, ONE_FILE, seed)
    for label, total in (("a", first), ("b", second)):
        for split, share in ONE_FILE.items():
            found = sum(row.label == label for row in parts[split])
            assert abs(found - share * total) <= 1


@given(EXAMPLES, EXAMPLES)
def test_what_is_held_out_is_never_learnt_from(
    rows: list[tuple[str, str]], held_out: list[tuple[str, str]]
) -> None:
    test = examples(held_out)
    found = keep_out(examples(rows), test)
    assert not {fold(row.text) for row in found.kept} & {fold(row.text) for row in test}
    assert len(found.kept) + found.dropped == len(rows)
