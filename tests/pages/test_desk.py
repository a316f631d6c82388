"""Laws of the desk: its queue is the sorted table, its candidates are the neighbors' votes, its matrix counts pairs."""

import json

import numpy as np
import pytest
from pages.screen import as_regression, copied, made_up_study, rewritten

from explorer.errors import SettingsError
from explorer.pages.desk import Desk, desk_of, ranked_rows, ranking_of
from explorer.study.study import Study
from explorer.views.reasons import REASONS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("desk") / "study")


@pytest.fixture(scope="module")
def study(folder, tmp_path_factory):
    """With equal suspicions, and samples without one."""

    def with_gaps(table):
        table["suspicion"] = table["suspicion"].round(2)
        table.loc[[5, 50], "suspicion"] = np.nan
        return table

    return Study.open(rewritten(copied(folder, tmp_path_factory.mktemp("gaps") / "study"), with_gaps))


@pytest.fixture(scope="module")
def regression(folder, tmp_path_factory):
    def with_residuals(table):
        residuals = np.random.default_rng(0).gamma(1.0, 1.2, len(table))
        return table.assign(target_residual=residuals, suspicion=residuals / 20)

    path = as_regression(copied(folder, tmp_path_factory.mktemp("values") / "study"))
    return Study.open(rewritten(path, with_residuals))


def sorted_table(study):
    """The ranked rows, by pandas: most suspicious first, equals by row."""
    return study.samples.dropna(subset="suspicion").sort_values("suspicion", ascending=False, kind="stable")


FILTERS = {
    "": lambda table: table,
    "label=2": lambda table: table[table["label"] == 2],
    "soft_density=0..60;label=1": lambda table: table[(table["soft_density"] <= 60) & (table["label"] == 1)],
    "soft_density=-5..-4": lambda table: table[:0],
}


@pytest.mark.parametrize("filter_text", FILTERS)
@pytest.mark.parametrize("keys", [(), ("neighbors",), ("clear", "network"), ("network", "clear", "loss", "crowd")])
@pytest.mark.parametrize("scope", ["doubted", "all"])
def test_the_queue_is_the_sorted_table_filtered(study, filter_text, scope, keys):
    """The page's filter, the scope and all reasons hold at once; the most suspicious comes first."""
    table = FILTERS[filter_text](sorted_table(study))
    for key in keys:
        table = table[REASONS[key].mask(study)[table.index]]
    if scope == "doubted":
        table = table[table["suggested_label"] != table["label"]]
    queue = Desk(study).queue(filter_text, scope, keys)
    assert queue.tolist() == table.index.tolist() and queue.dtype == np.dtype("<u4")


def test_the_queue_of_targets_is_those_that_lie_far(regression):
    """Two usual distances and more; at least the first twenty, where fewer do."""
    table = sorted_table(regression)
    far = table[table["target_residual"] >= 2].index.tolist()
    assert len(far) > 20 and Desk(regression).queue().tolist() == far


def test_there_is_always_something_to_look_at(regression, tmp_path):
    near = rewritten(copied(regression.path, tmp_path / "study"), lambda table: table.assign(target_residual=0.1))
    assert Desk(Study.open(near)).queue().tolist() == sorted_table(regression).index[:20].tolist()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("", "some"), "scope must be one of doubted, all, found 'some'"),
        (("", "all", ("far",)), "reasons must be among"),
        (("", "all", ("",)), "reasons must be among"),
        (("nope=1",), "needs a column that this study has"),
        (("label",), "a filter must read"),
        (("label=1;" * 2000,), "at most 10,000 characters"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words(study, asked, told):
    with pytest.raises(SettingsError, match=told):
        Desk(study).queue(*asked)


def test_a_queue_is_kept_for_what_narrows_it(study):
    """In whatever order the reasons are named; and nobody can change it for the others."""
    desk = Desk(study)
    queue = desk.queue("", "all", ["network", "clear"])
    assert desk.queue("", "all", ["clear", "network", "clear"]) is queue
    with pytest.raises(ValueError, match="read-only"):
        queue[0] = 1
    assert desk_of(study) is desk_of(study)


def test_ranked_rows_leave_out_what_has_no_doubt():
    """Samples without a number are not in the list; equals keep the order of rows."""
    assert ranked_rows(np.array([0.5, np.nan, 0.9, 0.5])).tolist() == [2, 0, 3]


def test_the_next_best_column_orders_a_study_without_suspicion(study, tmp_path):
    path = rewritten(copied(study.path, tmp_path / "study"), lambda table: table.drop(columns="suspicion"))
    other = Study.open(path)
    assert ranking_of(other) == "label_margin"
    assert other.samples["label_margin"].iloc[Desk(other).queue("", "all")].is_monotonic_decreasing


def test_a_study_without_doubt_has_no_desk(study, tmp_path):
    doubts = ["suspicion", "label_margin", "neighbor_disagreement", "given_label_loss"]
    path = rewritten(copied(study.path, tmp_path / "study"), lambda table: table.drop(columns=doubts))
    with pytest.raises(SettingsError, match="the desk needs labels"):
        Desk(Study.open(path))


def votes_of(study, row):
    """Class to share, by a loop over the stored neighbors."""
    votes = {}
    found = study.neighbors(row, k=50)
    for other, similarity in zip(found.indices, found.similarities, strict=True):
        if other >= 0:
            label = int(study.samples["label"][other])
            votes[label] = votes.get(label, 0.0) + max(float(similarity), 0.0) ** 8
    total = sum(votes.values())
    return {label: vote / total for label, vote in votes.items() if vote}


@pytest.mark.parametrize("row", range(0, 240, 17))
def test_the_shares_of_candidates_are_the_sharpened_votes_of_neighbors(study, row):
    """The likeliest first; given, suggested and predicted class are always among them."""
    sample, candidates = study.samples.loc[row], Desk(study).card(row)["candidates"]
    votes = votes_of(study, row)
    assert {one["class"]: one["share"] for one in candidates} == pytest.approx(
        {int(sample[name]): 0.0 for name in ("label", "suggested_label", "prediction")} | votes
    )
    shares = [one["share"] for one in candidates]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)
    assert [one["text"] for one in candidates] == [study.class_names[one["class"]] for one in candidates]


@pytest.mark.parametrize("needed", [[], [40], [39, 38, 0]])
def test_there_are_nine_candidates_at_most(tmp_path, needed):
    """Of forty classes the likeliest, and those that are needed."""

    def with_many_labels(table):
        return table.assign(label=np.arange(len(table)) % 40)

    folder = rewritten(made_up_study(tmp_path / "study"), with_many_labels, class_names=None, outputs=41)
    study = Study.open(folder)
    found = [one["class"] for one in Desk(study).candidates(0, needed)]
    votes = votes_of(study, 0)
    others = sorted((one for one in votes if one not in needed), key=lambda one: (-votes[one], one))
    assert len(votes) > 9 and set(found) == {*needed, *others[: 9 - len(needed)]} and len(found) == 9


def test_the_matrix_and_the_pairs_count_the_doubted_labels(study):
    """Among ranked rows: as pandas counts them, the most frequent pair first."""
    table = sorted_table(study)
    doubted = table[table["label"] != table["suggested_label"]]
    counts = doubted.groupby(["label", "suggested_label"]).size().to_dict()
    confusion = Desk(study).choices["confusion"]
    assert {(given, suggested): count for given, suggested, count in confusion["pairs"]} == counts
    assert [count for *_, count in confusion["pairs"]] == sorted(counts.values(), reverse=True)
    for given, name, line in zip(confusion["numbers"], confusion["classes"], confusion["counts"], strict=True):
        assert name == study.class_names[given]
        assert line == [counts.get((given, suggested), 0) for suggested in confusion["numbers"]]


def test_many_classes_have_pairs_but_no_matrix(folder, tmp_path):
    """The most frequent 200 of them."""
    random = np.random.default_rng(0)

    def with_many_classes(table):
        return table.assign(label=random.integers(0, 80, 240), suggested_label=random.integers(0, 80, 240))

    path = rewritten(copied(folder, tmp_path / "study"), with_many_classes, class_names=None, outputs=80)
    confusion = Desk(Study.open(path)).choices["confusion"]
    assert set(confusion) == {"pairs"} and len(confusion["pairs"]) == 200


def test_choices_count_what_they_would_leave(study):
    """Each scope as long as its queue, each reason as long as the queue of all that it leaves."""
    desk = Desk(study)
    for scope in desk.choices["scopes"]:
        assert scope["count"] == len(desk.queue("", scope["key"]))
    for reason in desk.choices["reasons"]:
        assert reason["count"] == len(desk.queue("", "all", [reason["key"]]))
    assert [one["text"] for one in desk.choices["classes"]] == study.class_names


def test_a_card_says_what_the_study_holds(study):
    """Place in the whole ranking, given, suggested and predicted class, and the stored neighbors in order."""
    row = int(sorted_table(study).index[10])
    sample, card = study.samples.loc[row], Desk(study).card(row)
    assert (card["row"], card["rank"], card["of"]) == (row, 11, study.n - 2)
    for name, column in (("given", "label"), ("suggested", "suggested_label"), ("predicted", "prediction")):
        assert card[name]["class"] == sample[column]
        assert card[name]["text"] == study.class_names[sample[column]]
    assert card["suggested"]["support"] == pytest.approx(sample["suggested_probability"])
    assert card["predicted"]["confidence"] == pytest.approx(sample["confidence"])
    assert [one["row"] for one in card["neighbors"]] == study.neighbors(row, k=16).indices.tolist()
    assert Desk(study).card(5)["rank"] is None


def test_a_card_of_a_target_gives_numbers(regression):
    sample, card = regression.samples.loc[7], Desk(regression).card(7)
    assert card["value"] == {"target": [sample["target"]], "prediction": [sample["prediction"]]}
    assert card["given"]["class"] is None and card["suggested"] is None and card["candidates"] == []


def test_every_card_is_json_also_where_numbers_are_missing(folder, tmp_path):
    """No NaN, which JSON does not have; a class that is missing is none."""

    def with_gaps(table):
        numbers = ["confidence", "suggested_probability", "soft_density", "given_label_loss", "neighbor_disagreement"]
        table.loc[:99, numbers] = np.nan
        table.loc[60:160, "suggested_label"] = -1
        table.loc[70:170, "prediction"] = -1
        return table

    desk = Desk(Study.open(rewritten(copied(folder, tmp_path / "study"), with_gaps)))
    for row in range(0, 240, 5):
        json.dumps(desk.card(row), allow_nan=False)
    card = desk.card(80)
    assert (card["suggested"], card["predicted"]) == (None, None)
