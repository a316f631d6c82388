"""Tables that people edit elsewhere: written whole, read strictly, and harmless in a spreadsheet."""

import pandas as pd
import pytest

from explorer.errors import DecisionError
from explorer.study.tables import guarded_cell, read_table, save_table, unguarded_cell


@pytest.mark.parametrize(
    "text", ["", "plain", "=1+1", "'=1+1", "''", "'tis", "+", "-2", "@me", "\ttab", "\rback", "'", "'''=", "'+x"]
)
def test_the_guard_is_taken_off_again(text):
    assert unguarded_cell(guarded_cell(text)) == text


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "a.xlsx", "torn.parquet", "latin.csv", "folder.csv"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "latin.csv").write_bytes(
        "row,label,decision,new_label,note,decided_at\n0,0,keep,,é,\n".encode("latin1")
    )
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(DecisionError, match=name):
        list(read_table(tmp_path / name)[1])


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "file").touch()
    for name in ("a.xlsx", "file/a.csv", "nowhere/a.csv"):
        with pytest.raises(DecisionError, match="Name"):
            save_table(pd.DataFrame({"row": [1]}), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
