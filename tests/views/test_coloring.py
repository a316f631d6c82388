"""Laws of the colors of the map: one rule for app and report, and no sample under the name of another class."""

import numpy as np
import pytest
from pages.screen import as_regression, copied, rewritten
from synthetic import synthetic_study

from explorer.study.study import Study
from explorer.views.coloring import MOST_CODES, color_codes, legend, map_color


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_study(tmp_path_factory.mktemp("coloring") / "one", n=600, classes=4)


@pytest.fixture
def folder(made, tmp_path):
    return copied(made, tmp_path / "one")


def with_classes(folder, count):
    """The study with so many classes, two samples of each but the last ones."""
    return Study.open(
        rewritten(
            folder,
            lambda table: table.assign(label=table.index % count),
            class_names=[str(one) for one in range(count)],
        )
    )


@pytest.mark.parametrize("count", [MOST_CODES - 1, MOST_CODES, MOST_CODES + 1, 500])
def test_every_entry_counts_the_samples_of_its_code_and_none_bears_the_name_of_another(folder, count):
    """Of more classes than codes the last entry is all others, and is no value to filter by."""
    study = with_classes(folder, count)
    codes, entries = color_codes(study, "label"), legend(study, "label")["entries"]
    assert [one["count"] for one in entries] == np.bincount(codes, minlength=len(entries)).tolist()
    for code, entry in enumerate(entries):
        under = set(study.samples["label"][codes == code].astype(str))
        is_other = (entry["name"], entry["value"]) == ("other", None)
        assert (len(under) > 1 and is_other) or under == {entry["value"]}
    assert ("other" in [one["name"] for one in entries]) == (count > MOST_CODES)


def test_the_map_is_colored_as_asked_else_by_what_was_given(folder):
    """A color that cannot be is none; then label, target and prediction come before all others."""
    study = Study.open(folder)
    assert map_color(study, "soft_density") == "soft_density"
    assert [map_color(study, one) for one in (None, "nothing", "x", "")] == ["label"] * 4
    assert map_color(Study.open(as_regression(folder)), None) == "target"
    assert (
        map_color(Study.open(rewritten(folder, lambda table: table[["x", "y", "soft_density"]])), None)
        == "soft_density"
    )
    assert map_color(Study.open(rewritten(folder, lambda table: table[["x", "y"]])), "label") is None
