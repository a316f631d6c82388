"""Pairs of samples from a table: what is taken, and what is refused by its line."""

import numpy as np
import pandas as pd
import pytest

from explorer.errors import SettingsError
from explorer.training.pair_files import among_kept, read_pairs


@pytest.mark.parametrize("content", ["first,second\r\n3,5\r\n10,2\r\n", "first,second\n3,5\n10,2\n"])
def test_pairs_come_from_a_table(tmp_path, content):
    (tmp_path / "p.csv").write_text(content, newline="")
    pd.DataFrame({"first": [3, 10], "second": [5, 2]}).to_parquet(tmp_path / "p.parquet")
    for name in ("p.csv", "p.parquet"):
        assert read_pairs(tmp_path / name).tolist() == [[3, 5], [10, 2]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", "must have the columns first, second, found a, b"),
        ("first,second\n1,x\n", "line 2: second must be a row number, found 'x'"),
        ("first,second\n1,-2\n", "line 2: second must be a row number, found '-2'"),
        ("first,second\n1,2.0\n", "must be a row number, found '2.0'"),
        ("first,second\n", "expected pairs in .*, found none"),
    ],
)
def test_a_table_of_pairs_is_read_strictly(tmp_path, content, words):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(SettingsError, match=words):
        read_pairs(tmp_path / "p.csv")


def test_dropping_every_pair_is_said():
    """A training that enforces nothing is not what was asked for."""
    with pytest.raises(SettingsError, match="found none among 2: a sample of each was dropped"):
        among_kept(np.array([[0, 2], [2, 1]]), [0, 1], 3)
