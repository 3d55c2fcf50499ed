"""Texts without their words: a hash and a MinHash signature of each, for the board to compare."""

import hashlib
from collections.abc import Sequence

import numpy as np

from trainer.data.near import letter_shingles
from trainer.data.schema import fold
from trainer.evaluate.contamination import SIGNATURE, Fingerprints


def fingerprints(texts: Sequence[str]) -> Fingerprints:
    """The fingerprints of texts, in their order. Equal texts have equal ones on every machine."""
    from datasketch import MinHash

    hashes = [hashlib.sha256(fold(text).encode()).digest()[:8] for text in texts]
    sets = [[shingle.encode() for shingle in letter_shingles(text)] for text in texts]
    made = MinHash.bulk(sets, num_perm=SIGNATURE, seed=1) if sets else []
    values = np.array([found.hashvalues for found in made], np.uint64)
    return Fingerprints(
        np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64),
        values.reshape(len(sets), SIGNATURE).astype(np.uint32),
    )
