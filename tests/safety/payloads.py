"""Files that write a marker when somebody unpickles them, each under a name that we read."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet


class Payload:
    """Its pickle creates a file when it is read back."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def pickled(marker: Path) -> bytes:
    return pickle.dumps(Payload(marker))


def object_array(marker: Path) -> bytes:
    """What numpy.save writes of an array of objects."""
    stream = io.BytesIO()
    np.save(stream, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return stream.getvalue()


def object_archive(marker: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", object_array(marker))
        archive.writestr("y.npy", object_array(marker))
    return stream.getvalue()


def torch_file(marker: Path, legacy: bool = False) -> bytes:
    """What torch.save writes of a state_dict with something else among its tensors."""
    import torch

    stream = io.BytesIO()
    content = {"0.weight": torch.zeros(2, 2), "extra": Payload(marker)}
    torch.save(content, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def parquet_of_pickles(marker: Path) -> bytes:
    """A column of pickled bytes, a type that older readers unpickle, and an index that says that it is pickled."""
    about = b'{"index_columns": [], "columns": [{"name": "x", "field_name": "x", "pandas_type": "object", '
    about += b'"numpy_type": "object", "metadata": null}], "column_indexes": [], "pandas_version": "1.0"}'
    kind = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickled(marker)}
    field = pa.field("x", pa.binary(), metadata=kind)
    table = pa.table([pa.array([pickled(marker)] * 60)], schema=pa.schema([field], metadata={b"pandas": about}))
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()


def unpickles(content: bytes) -> None:
    """What a careless reader does."""
    pickle.loads(content)


def plain_table(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"x": np.zeros(rows), "y": np.zeros(rows), "label": np.zeros(rows, dtype=int)})
