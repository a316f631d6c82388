"""Laws of the part about isolated samples: the order is that of the numbers, and the places are those of the shown."""

import numpy as np
import pytest
from pages.screen import (
    alternatives,
    copied,
    figures,
    galleries,
    made_up_study,
    page,
    rewritten,
    shown_rows,
    words,
)

from explorer.pages.isolated import LISTED, MOST_DOUBTED, NEAREST, SOFT, doubted_among, isolation_order
from explorer.pages.tiles import PER_PAGE
from explorer.study.study import Study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("isolated") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


@pytest.fixture(scope="module")
def nearest(study):
    return study.array("neighbors/network/similarities")[:, 0].astype(float)


def test_the_most_isolated_come_first(folder, nearest):
    """The first page holds the samples with the lowest nearest similarity, lowest first, said under each."""
    gallery = galleries(page("isolated", folder))[0]
    rows = shown_rows(gallery)
    assert rows == np.argsort(nearest, kind="stable")[:PER_PAGE].tolist()
    assert f"<b>nearest {nearest[rows[0]]:.3f}</b>" in gallery


def test_the_soft_count_is_another_way(folder, study):
    """Fewest neighbors first, as the table counts them."""
    test = page("isolated", folder)
    test.button_group[0].set_value(SOFT).run()
    expected = study.samples["soft_density"].argsort(kind="stable")[:PER_PAGE]
    assert shown_rows(galleries(test)[0]) == expected.tolist()


def test_the_histogram_marks_the_samples_of_the_page(folder, nearest):
    """Bars count everyone; a mark stands at the nearest similarity of each sample shown, also on the next page."""
    test = page("isolated", folder)
    for number in (1, 2):
        bars, marks = figures(test)[0].data
        rows = shown_rows(galleries(test)[0])
        assert np.sum(bars.y) == len(nearest)
        np.testing.assert_allclose(marks.x, nearest[rows])
        assert f"The {len(rows)} samples shown lie between {nearest[rows].min():.3f}" in alternatives(test)[0]
        if number == 1:
            test.session_state["isolated-nearest similarity-page"] = 2
            test.run()
            assert shown_rows(galleries(test)[0])[0] == np.argsort(nearest, kind="stable")[PER_PAGE]


def test_a_filter_narrows_the_list_and_is_said(folder, study, nearest):
    """Only samples that pass, in the same order."""
    test = page("isolated", folder, filter="label=2")
    order = np.argsort(nearest, kind="stable")
    expected = order[(study.samples["label"] == 2).to_numpy()[order]]
    assert shown_rows(galleries(test)[0]) == expected[:PER_PAGE].tolist()
    assert f"of which {len(expected)} pass the filter" in words(test)
    assert "None of them passes" in page("isolated", folder, filter="soft_density=-5..-4").info[0].value


def test_what_isolation_has_to_do_with_doubt_is_counted(folder, study):
    """As many of the most suspicious as of the most isolated, and how many both are; chance is their product."""
    order = isolation_order(study, NEAREST)
    count, found, chance = doubted_among(study, order)
    doubted = study.samples["suspicion"].sort_values(ascending=False, kind="stable").index[:count]
    assert count == min(MOST_DOUBTED, study.n // 2)
    assert found == len(set(order[:count]) & set(doubted)) and chance == count**2 / study.n
    assert f"Of the first {count}, {found} are also among the {count} most suspicious" in words(
        page("isolated", folder)
    )


def test_without_suspicion_nothing_is_said_about_doubt(folder, tmp_path):
    """And the list is the same."""
    path = rewritten(copied(folder, tmp_path / "study"), lambda table: table.drop(columns="suspicion"))
    test = page("isolated", path)
    assert "most suspicious" not in words(test)
    assert shown_rows(galleries(test)[0]) == shown_rows(galleries(page("isolated", folder))[0])


def test_the_list_ends_where_isolation_does(made_up):
    """Of many samples the most isolated only."""
    study = Study.open(made_up)
    order = isolation_order(study, NEAREST)
    values = study.array("neighbors/network/similarities")[:, 0]
    assert len(order) == LISTED < study.n
    assert values[order].max() <= np.delete(values, order).min()


def test_without_neighbors_the_part_says_so(folder, tmp_path):
    """A build that stopped early."""
    from explorer.study.manifest import NAME
    from explorer.study.writer import StudyWriter

    path = copied(folder, tmp_path / "study")
    manifest = StudyWriter.resume(path).manifest.without_step("neighbors")
    (path / NAME).write_bytes(manifest.to_json())
    assert "no neighbors yet" in page("isolated", path).info[0].value
