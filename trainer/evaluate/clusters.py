"""Rows that belong together (a customer's, a document's) are not as many facts as rows.

Everything here answers one question: how much does a sum over rows vary when whole clusters are
drawn instead of rows? Rows without a cluster column are clusters of one, and nothing changes.
"""

from collections.abc import Sequence

import numpy as np

from trainer.evaluate.arrays import FloatArray, IntArray

MINIMUM_CLUSTERS = 10
"""With fewer clusters a spread between them says too little for an interval (practice)."""


def codes(clusters: Sequence[str]) -> IntArray:
    """Shape (n,). The clusters numbered from 0, in the order of their names."""
    found = np.unique(np.asarray(clusters), return_inverse=True)[1]
    return np.asarray(found.reshape(-1), np.int64)


def mean_error(values: FloatArray, clusters: Sequence[str]) -> float:
    """The standard error of a mean: by rows, or by the sums of clusters where there are any.

    SE² = G/(G−1) · Σ_g (Σ_{i∈g} (x_i − x̄))² / n² over G clusters. With 1,000 clusters of ten rows
    that share half of their variance it is 2.3 times that of single rows.

    Args:
        values: Shape (n,), n at least 2.
        clusters: Shape (n,) or empty.

    Source: Miller 2024, "Adding error bars to evals"; Liang and Zeger 1986.
    """
    n = len(values)
    if not clusters:
        return float(values.std(ddof=1)) / float(np.sqrt(n))
    sums = np.bincount(codes(clusters), weights=values - values.mean())
    count = len(sums)
    if count < 2:
        return float("inf")
    return float(np.sqrt(count / (count - 1) * (sums**2).sum())) / n


def drawn_clusters(count: int, resamples: int, generator: np.random.Generator) -> FloatArray:
    """Shape (resamples, count). How often each cluster was drawn in `count` draws."""
    share = np.full(count, 1 / count)
    return generator.multinomial(count, share, size=resamples).astype(np.float64)
