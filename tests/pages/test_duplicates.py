"""Laws of the part about near duplicates: groups, counts and conflicts are those of the stored neighbors and labels."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from pages.screen import as_regression, copied, galleries, made_up_study, page, shown_rows, words

from explorer.pages.duplicates import GROUPS_PER_PAGE, PICTURES
from explorer.pages.groups import (
    crossing_groups,
    given_values,
    odd_ones,
    ordered_rows,
    passing_groups,
    usual_tolerance,
)
from explorer.records import Neighbors
from explorer.similarity.duplicates import DuplicateGroups, duplicate_groups
from explorer.study.study import Study

BOUND = 0.97


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("duplicates") / "study")


@pytest.fixture(scope="module")
def study(folder):
    return Study.open(folder)


def expected_groups(study, bound=BOUND, labels=None, **options):
    arrays = (study.array(f"neighbors/network/{name}") for name in ("indices", "similarities"))
    labels = study.samples["label"].to_numpy() if labels is None else labels
    return duplicate_groups(Neighbors(*arrays), bound, labels, **options)


def shown_groups(folder, bound=BOUND, **params):
    """The rows of each group on the first page, in the order shown."""
    return [shown_rows(one) for one in galleries(page("duplicates", folder, alike=f"{bound:.3f}", **params))]


@pytest.mark.parametrize("bound", [0.95, 0.96, 0.97])
def test_the_groups_shown_are_those_of_the_stored_neighbors(folder, study, bound):
    """In their order, conflicting first, then larger; of a large one the first pictures."""
    groups = expected_groups(study, bound)
    assert len(groups.sizes) > 3
    for number, rows in enumerate(shown_groups(folder, bound)):
        inside = set(groups.rows(number).tolist())
        assert set(rows) <= inside and len(rows) == min(PICTURES, len(inside))
    assert len(shown_groups(folder, bound)) == min(GROUPS_PER_PAGE, len(groups.sizes))


def test_the_counts_are_said(folder, study):
    """Groups, those with different labels, samples in them, and groups on both sides of the split, counted by hand."""
    groups, samples = expected_groups(study), study.samples
    labels = [samples["label"][groups.group == number].nunique() for number in range(len(groups.sizes))]
    sides = [samples["split"][groups.group == number].nunique() for number in range(len(groups.sizes))]
    text = words(page("duplicates", folder, alike=str(BOUND)))
    assert f"**{len(labels)} groups**, **{np.sum(np.array(labels) > 1)}** with different labels" in text
    assert f"**{(groups.group >= 0).sum()}** samples, **{np.sum(np.array(sides) > 1)}** across the split" in text


def test_the_slider_begins_where_the_link_says(folder, study):
    """Its place is in the URL; moving it regroups."""
    test = page("duplicates", folder, alike="0.95")
    assert test.slider[0].value == 0.95
    test.slider[0].set_value(BOUND).run()
    assert f"**{len(expected_groups(study).sizes)} groups**" in words(test)
    assert "".join(test.query_params["alike"]) == str(BOUND)


def test_similarities_inside_a_group_are_those_of_its_pairs(folder, study):
    """Lowest and highest, of all pairs of two samples."""
    text = words(page("duplicates", folder, alike=str(BOUND)))
    told = re.findall(r"\*\*Group (\d+)\*\*.*?inside (0\.\d+)(?: to (0\.\d+))?", text)
    assert told
    for number, low, high in told:
        rows = expected_groups(study).rows(int(number) - 1)
        pairs = study.similarity(rows, rows)[np.triu_indices(len(rows), 1)]
        assert (float(low), float(high or low)) == pytest.approx((pairs.min(), pairs.max()), abs=6e-4)


def test_nothing_that_alike_says_so_and_offers_the_closest(folder, study):
    """The offered bound is one that samples reach; taking it shows groups."""
    test = page("duplicates", folder, alike="1.0")
    assert "No two samples are as alike" in test.info[0].value and galleries(test) == []
    test.button(key="closest").click().run()
    assert galleries(test)
    nearest = study.array("neighbors/network/similarities")[:, 0]
    assert 0 < (nearest >= test.slider[0].value).mean() < 0.2


def test_show_only_these_filters_to_the_group(folder, study):
    """The filter names the rows of the group, is in the link, and the page then shows this group alone."""
    test = page("duplicates", folder, alike=str(BOUND))
    rows = expected_groups(study).rows(0)
    only = [button for button in test.button if button.label == "Show only these"]
    only[0].click().run()
    assert "".join(test.query_params["filter"]) == "rows=" + ",".join(map(str, rows))
    assert len(galleries(test)) == 1
    assert set(shown_rows(galleries(test)[0])) <= set(rows.tolist())


def test_a_group_too_large_for_a_link_is_not_filtered_to(folder, monkeypatch):
    """Its link leads to its first sample without naming all, and there is no button."""
    monkeypatch.setattr("explorer.pages.duplicates.MOST_ROWS", 1)
    test = page("duplicates", folder, alike=str(BOUND))
    link = re.search(r"\[Decide in Triage\]\((/labels\?[^)]*)\)", words(test))[1]
    asked = parse_qs(urlsplit(link).query)
    assert asked["sample"] == [str(shown_rows(galleries(test)[0])[0])] and "filter" not in asked
    assert not [button for button in test.button if button.label == "Show only these"]


def test_a_link_leads_to_triage_on_the_group(folder, study):
    """On the first picture's sample, narrowed to the group."""
    test = page("duplicates", folder, alike=str(BOUND))
    link = re.search(r"\[Decide in Triage\]\((/labels\?[^)]*)\)", words(test))[1]
    asked = parse_qs(urlsplit(link).query)
    assert asked["sample"] == [str(shown_rows(galleries(test)[0])[0])]
    assert asked["filter"] == ["rows=" + ",".join(map(str, expected_groups(study).rows(0)))]


def test_the_filter_keeps_groups_that_it_reaches(folder, study):
    """A group with one sample that passes is shown whole."""
    groups = expected_groups(study)
    passes = (study.samples["label"] == 1).to_numpy()
    expected = sorted({int(number) for number in groups.group[passes] if number >= 0})
    assert passing_groups(groups, passes).tolist() == expected
    shown = shown_groups(folder, filter="label=1")
    assert [groups.group[rows[0]] for rows in shown] == expected[:GROUPS_PER_PAGE]


def test_a_filter_that_reaches_no_group_says_so(folder):
    """A sentence in place of pictures."""
    test = page("duplicates", folder, alike=str(BOUND), filter="soft_density=-5..-4")
    assert "No group holds a sample that passes" in test.info[0].value


def test_the_rare_label_comes_first_and_is_marked():
    """Of five samples the one whose label differs; of two equally frequent labels the larger number is marked."""
    given = np.array([7, 7, 1, 7, 7, 4])
    rows = np.arange(5)
    assert ordered_rows(rows, given).tolist() == [2, 0, 1, 3, 4]
    assert odd_ones(rows, given, 0.0).tolist() == [False, False, True, False, False]
    assert odd_ones(np.array([4, 5]), given, 0.0).tolist() == [True, False]
    assert odd_ones(rows, np.full(6, -1), 0.0).sum() == 0


@pytest.mark.parametrize("seed", range(20))
def test_somebody_is_odd_exactly_where_targets_conflict(seed):
    """In groups of two and more, with gaps, of one output and two."""
    random = np.random.default_rng(seed)
    targets = random.normal(size=(random.integers(2, 6), random.integers(1, 3)))
    targets[random.random(targets.shape) < 0.2] = np.nan
    spreads = [np.ptp(known) for one in targets.T if len(known := one[np.isfinite(one)])]
    odd = odd_ones(np.arange(len(targets)), targets, 1.5)
    assert odd.any() == any(spread > 1.5 for spread in spreads)


def test_targets_are_odd_when_far_from_the_median():
    """In any output; a missing target is not odd. The farthest comes first."""
    targets = np.array([[1.0, 0.0], [1.1, 0.0], [1.0, 2.0], [np.nan, np.nan]])
    rows = np.arange(4)
    assert odd_ones(rows, targets, 0.5).tolist() == [False, False, True, False]
    assert ordered_rows(rows, targets).tolist() == [2, 1, 0, 3]
    assert odd_ones(rows, np.full((4, 2), np.nan), 0.5).sum() == 0


def test_crossing_groups_hold_samples_of_both_sides():
    """Two groups and a sample without one."""
    groups = DuplicateGroups(np.array([0, 0, 1, 1, -1]), np.array([2, 2]), np.zeros(2, dtype=bool))
    assert crossing_groups(groups, np.array([True, False, True, True, False])).tolist() == [True, False]


def test_targets_conflict_beyond_a_tolerance_that_can_be_moved(folder, tmp_path):
    """It begins near half a standard deviation; with none, every group whose targets differ at all conflicts."""
    path = as_regression(copied(folder, tmp_path / "study"))
    study = Study.open(path)
    targets = given_values(study)
    half = targets.std() / 2
    assert usual_tolerance(targets) == pytest.approx(half)
    test = page("duplicates", path, alike=str(BOUND))
    tolerance = test.slider[1].value
    assert tolerance == pytest.approx(half, rel=0.1)
    for value in (tolerance, 0.0):
        test.slider[1].set_value(value).run()
        expected = expected_groups(study, labels=targets, tolerance=value).conflicting.sum()
        assert f"**{expected}** with different targets" in words(test)
    assert "tolerance" in test.query_params


def test_without_neighbors_the_part_says_so(folder, tmp_path):
    """A build that stopped early."""
    from explorer.study.manifest import NAME
    from explorer.study.writer import StudyWriter

    path = copied(folder, tmp_path / "study")
    writer = StudyWriter.resume(path)
    (path / NAME).write_bytes(writer.manifest.without_step("neighbors").to_json())
    assert "no neighbors yet" in page("duplicates", path).info[0].value
