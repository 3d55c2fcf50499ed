"""The fingerprints of the texts a run was trained and tested on, read back from its folder."""

from typing import TYPE_CHECKING

from storage.errors import CorruptFolder
from storage.evidence_tables import FINGERPRINTS, SIGNATURE_BYTES
from storage.run_folder import RunFolder

if TYPE_CHECKING:  # the bot reads this module's callers without loading numpy
    import numpy as np
    from numpy.typing import NDArray


def fingerprint_rows(
    folder: RunFolder, splits: tuple[str, ...]
) -> "tuple[NDArray[np.uint64], NDArray[np.uint32]] | None":
    """Hashes, shape (n,), and signatures, shape (n, 64), of the texts of these splits.

    None where the run left none: outside models, and runs of before there were any.

    Raises:
        CorruptFolder: They cannot be read.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    target = folder.evidence / FINGERPRINTS
    if not target.exists():
        return None
    try:
        table = parquet.read_table(target, filters=[("split", "in", list(splits))])
    except (OSError, pa.ArrowException) as error:
        raise CorruptFolder(f"{folder.run_id}: its fingerprints cannot be read") from error
    hashes = table.column("hash").to_numpy().astype(np.uint64)
    packed = b"".join(table.column("signature").to_pylist())
    signatures = np.frombuffer(packed, "<u4").reshape(len(hashes), SIGNATURE_BYTES // 4)
    return hashes, signatures.astype(np.uint32)
