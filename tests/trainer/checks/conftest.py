"""Models of which only the right and wrong answers matter."""

from collections.abc import Callable

import numpy as np
import pytest

from trainer.evaluate.predictions import Predictions

Answers = Callable[[np.ndarray], Predictions]


def answered_rightly(right: np.ndarray) -> Predictions:
    """Two labels in turn; an example is answered rightly where `right` says so."""
    gold = np.arange(len(right)) % 2
    return Predictions(("a", "b"), gold, np.eye(2)[np.where(right, gold, 1 - gold)])


@pytest.fixture
def answers() -> Answers:
    return answered_rightly
