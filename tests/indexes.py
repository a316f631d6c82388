"""Reads an index back as its users would with faiss alone; the explorer itself never does."""

from pathlib import Path

import faiss


def read_index(path: Path) -> faiss.Index:
    """An index as it was written, wherever its folder lies now; lists beside it stay on the disk."""
    return faiss.read_index(str(path), faiss.IO_FLAG_ONDISK_SAME_DIR)
