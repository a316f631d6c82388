"""Laws of reading: a value is written so that nobody takes it for more than it is."""

import numpy as np
import pandas as pd
import pytest
from pages.screen import as_regression, copied, made_up_study

from explorer.columns import COLUMNS
from explorer.study.study import Study
from explorer.views.reading import class_name, kind_of, read_value, write_rows, write_value


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study.open(made_up_study(tmp_path_factory.mktemp("reading") / "study"))


class Table:
    """A study that is nothing but a table, for values that the made-up one does not have."""

    task, class_names = "classification", ["cat", "dog"]
    columns_of = Study.columns_of

    def __init__(self, **columns):
        self.samples = pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.99999, "> 0.999"), (1.0, "1.000"), (0.0001, "< 0.001"), (0.0, "0.000"), (0.25, "0.250"), (-0.5, "−0.500")],
)
def test_a_share_never_claims_more_certainty_than_it_has(study, value, text):
    """Only an exact one is written as one, only an exact zero as zero."""
    assert write_value(study, "confidence", value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1234.6, "1,235"), (12.345, "12.3"), (0.012345, "0.0123"), (3.0, "3"), (2e-7, "2.0e−07")]
)
def test_a_number_has_three_digits_or_all_of_its_thousands(study, value, text):
    """Enough to compare, not so many that they look exact."""
    assert write_value(study, "soft_density", value) == text


@pytest.mark.parametrize("missing", [None, np.nan, np.inf])
def test_what_is_missing_is_a_dash(study, missing):
    """Not zero, not nan."""
    assert write_value(study, "gradient_norm", missing) == "—"


def test_a_class_is_written_by_its_name_and_no_class_by_a_dash():
    """-1 stands for: the network gives no finite answer."""
    table = Table(label=[0])
    assert [class_name(table, label) for label in (0, 1, 2, -1, None)] == ["cat", "dog", "2", "—", "—"]


def test_every_column_of_a_study_can_be_read_with_unit_and_help(study):
    """Title without its unit, value with it, and the help of columns.COLUMNS."""
    for column in study.samples:
        reading = read_value(study, column, 3)
        assert reading.text
        assert reading.help == COLUMNS[column].help
        assert "(samples)" not in reading.title
    assert read_value(study, "soft_density", 3).text.endswith(" samples")


def test_the_place_among_the_others_is_counted_without_the_missing_ones():
    """Two of three other known values are smaller."""
    reading = read_value(Table(soft_density=[1.0, 2.0, np.nan, 3.0, 4.0]), "soft_density", 3)
    assert reading.percentile == pytest.approx(100 * 2 / 3)
    assert reading.place == "higher than 66 % of samples"


def test_the_highest_and_the_lowest_are_called_so():
    """No one is higher than themselves."""
    table = Table(soft_density=[1.0, 2.0, 3.0])
    assert read_value(table, "soft_density", 2).place == "higher than all other samples"
    assert read_value(table, "soft_density", 0).place == "among the lowest 1 % of samples"


def test_the_prediction_of_a_regression_is_a_number(study, tmp_path):
    """The same column name means a class in one study and a value in another."""
    regression = Study.open(as_regression(copied(study.path, tmp_path / "values")))
    assert (kind_of(study, "prediction"), kind_of(regression, "prediction")) == ("class", "number")


def test_several_outputs_are_written_side_by_side():
    """target_0, target_1 belong to one answer; a column that only begins alike does not."""
    table = Table(target_0=[1.5, 2.5], target_1=[3.0, 4.0], target_rank=[7.0, 8.0])
    assert write_rows(table, "target", [1, 0]) == ["2.5, 4", "1.5, 3"]
    assert write_rows(table, "prediction", [0, 1]) == ["", ""]
