"""What may be called predictions."""

import numpy as np
import pytest

from trainer.evaluate.predictions import Predictions

LABELS = ("ham", "spam")


def test_the_most_probable_label_is_the_answer_and_the_first_of_equals():
    found = Predictions(LABELS, np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]))
    assert found.predicted.tolist() == [0, 1, 0]
    assert found.correct.tolist() == [True, True, False]
    assert len(found) == 3


def test_half_precision_rows_are_taken():
    rows = np.array([[0.7002, 0.2999]], np.float16)
    assert Predictions(LABELS, np.array([0]), rows).probabilities.dtype == np.float64


def test_rows_can_be_taken_with_their_ids():
    whole = Predictions(
        LABELS, np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]), ("a", "b", "c")
    )
    assert whole.take([2, 0]).ids == ("c", "a")
    assert whole.take(np.array([False, True, False])).gold.tolist() == [1]


@pytest.mark.parametrize(
    ("gold", "rows", "ids", "message"),
    [
        ([0], [[0.5, 0.4]], (), "row 0"),
        ([0, 1], [[0.5, 0.5], [float("nan"), 0.5]], (), "row 1"),
        ([0], [[1.5, -0.5]], (), "not negative"),
        ([2], [[0.5, 0.5]], (), "between 0 and 1"),
        ([0, 1], [[0.5, 0.5]], (), "shape"),
        ([0.5], [[0.5, 0.5]], (), "whole numbers"),
        ([0], [[0.5, 0.5]], ("a", "b"), "1 different names"),
        ([0, 0], [[0.5, 0.5]] * 2, ("a", "a"), "2 different names"),
    ],
    ids=["sum", "nan", "negative", "unknown class", "shape", "fraction", "ids", "same ids"],
)
def test_what_is_no_prediction_is_refused(gold, rows, ids, message):
    with pytest.raises(ValueError, match=message):
        Predictions(LABELS, np.array(gold), np.array(rows), ids)


def test_two_different_labels_are_needed():
    with pytest.raises(ValueError, match="two different"):
        Predictions(("ham", "ham"), np.array([0]), np.array([[0.5, 0.5]]))
