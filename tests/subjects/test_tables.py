"""Tables as inputs: each column coded by a stated rule, and further rows coded alike."""

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.errors import SubjectError
from explorer.subjects.tables import Coding, TableRule, read_table


def frame(**columns):
    return pd.DataFrame(columns)


def test_one_hot_has_a_column_a_word_in_sorted_order():
    """A missing word is none of them."""
    table = frame(size=[1.5, 2.5, 3.5], city=["Rome", None, "Bonn"])
    coding = Coding.fitted(table, TableRule())
    assert coding.feature_names == ["size", "city=Bonn", "city=Rome"]
    assert coding.features(table, "here").tolist() == [[1.5, 0, 1], [2.5, 0, 0], [3.5, 1, 0]]


def test_ordinal_is_the_place_among_the_sorted_words():
    """-1 where it is missing."""
    table = frame(city=["Rome", None, "Bonn", "Oslo"])
    coding = Coding.fitted(table, TableRule(categories="ordinal"))
    assert coding.feature_names == ["city"]
    assert coding.features(table, "here").tolist() == [[2], [-1], [0], [1]]


def test_booleans_are_0_and_1():
    """And take part as numbers."""
    assert Coding.fitted(frame(a=[True, False]), TableRule()).features(frame(a=[True, False]), "").tolist() == [
        [1],
        [0],
    ]


@pytest.mark.parametrize(("missing", "filled"), [("mean", 2.0), ("zero", 0.0)])
def test_a_missing_number_is_filled_as_asked(missing, filled):
    """By the mean of those that are there, or by zero."""
    table = frame(a=[1.0, np.nan, 3.0])
    coding = Coding.fitted(table, TableRule(missing=missing))
    assert coding.features(table, "here").tolist() == [[1.0], [filled], [3.0]]


def test_a_missing_number_is_refused_by_row_unless_asked():
    """And so is infinity."""
    for gap in (np.nan, np.inf):
        table = frame(a=[1.0, 2.0, gap])
        with pytest.raises(SubjectError, match="column 'a' of here must be complete, found a gap or infinity in row 2"):
            Coding.fitted(table, TableRule()).features(table, "here")


def test_standardized_columns_have_mean_0_and_deviation_1():
    """Words stay as they are, and a constant column becomes zero."""
    table = frame(a=[1.0, 5.0, 9.0, 2.0], b=[7, 7, 7, 7], c=["x", "y", "x", "y"])
    found = Coding.fitted(table, TableRule(standardize=True)).features(table, "here")
    np.testing.assert_allclose(found[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(found[:, 0].std(), 1, rtol=1e-6)
    assert not found[:, 1].any()
    assert set(found[:, 2:].ravel().tolist()) == {0.0, 1.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.sampled_from("abc")), min_size=2, max_size=20), st.booleans())
def test_a_row_is_coded_alike_alone_and_among_all(rows, standardize):
    """What a word or a number becomes does not depend on what else is asked about."""
    table = pd.DataFrame(rows, columns=["a", "b"])
    coding = Coding.fitted(table, TableRule(standardize=standardize))
    whole = coding.features(table, "here")
    for row in range(len(table)):
        np.testing.assert_array_equal(coding.features(table.iloc[[row]], "there")[0], whole[row])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (frame(a=[1.0]), "expected a column 'b' in there"),
        (frame(a=[1.0], b=["zebra"]), "column 'b' of there may hold 'x', 'y', found 'zebra'"),
        (frame(a=["many"], b=["x"]), "column 'a' of there must hold numbers, found 'many'"),
        (frame(a=[None, True], b=["x", "x"]), "column 'a' of there must hold numbers, found 'True'"),
        (frame(a=[np.nan], b=["x"]), "must be complete"),
    ],
)
def test_rows_that_do_not_suit_the_table_are_told(other, words):
    """With the column and what stands in it."""
    coding = Coding.fitted(frame(a=[1.0, 2.0], b=["x", "y"]), TableRule())
    with pytest.raises(SubjectError, match=words):
        coding.features(other, "there")


def test_a_column_of_names_is_told_apart_from_categories():
    """More words than could sensibly be columns: the user is told what to do."""
    table = frame(name=[f"person {number}" for number in range(1200)])
    with pytest.raises(SubjectError, match="--ignore name, or number them with --categories ordinal"):
        Coding.fitted(table, TableRule())
    assert Coding.fitted(table, TableRule(categories="ordinal")).features(table, "").shape == (1200, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found EmptyDataError"),
        (b"a,b\n1,2\n1,2,3\n", "found ParserError"),
        (b"a,b\n\xff\xfe\x00,1\n", "UnicodeDecodeError|ParserError"),
        (b"1,2\n3,4\n", "must name the columns, found numbers alone"),
        (b"a,b\n1,2,3\n4,5,6\n", "as many cells as the first one has names, 2, found more"),
        (b"a,b\n1,2,\n4,5,\n", "as many cells as the first one has names, 2, found more"),
        (b"a;b\n1,5;2\n", "must be separated by ',', found semicolons"),
        (b"a,b,a\n1,2,3\n", "need names of their own, found 'a' twice"),
    ],
)
def test_damaged_tables_are_told(tmp_path, content, words):
    """One sentence, never a traceback."""
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=words):
        read_table(path)


def test_a_column_of_parquet_is_not_lost_to_another_of_its_name(tmp_path):
    """As in CSV: which of two is meant cannot be known."""
    twice = arrow.Table.from_arrays([arrow.array([1, 2]), arrow.array([3, 4])], names=["a", "a"])
    parquet.write_table(twice, tmp_path / "table.parquet")
    with pytest.raises(SubjectError, match="need names of their own, found 'a' twice"):
        read_table(tmp_path / "table.parquet")


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".parquet"]))
def test_any_bytes_are_a_table_or_a_sentence(tmp_path_factory, content, suffix):
    """Whatever a file holds, reading it gives columns of numbers and texts or a SubjectError."""
    path = tmp_path_factory.mktemp("fuzz") / f"table{suffix}"
    path.write_bytes(content)
    try:
        table = read_table(path)
        if len(table) and len(table.columns):
            Coding.fitted(table, TableRule(missing="zero")).features(table, "here")
    except SubjectError as error:
        assert str(error).endswith(".")
