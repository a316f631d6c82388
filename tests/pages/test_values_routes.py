"""Laws of what the charts and the gallery ask: columns, bins, orders, words, exports, and selections under a name."""

import csv
import io
import json
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pages.screen import as_regression, copied, made_up_study, rewritten
from pages.visitor import HOST, PAGE, post, send, shelved, told

from explorer.pages import routes
from explorer.pages.columns import (
    NONE,
    OTHERS,
    chart_columns,
    column_values,
    describe_column,
    first_charts,
    number_scale,
    order_of,
)
from explorer.pages.map import _conditions
from explorer.study.selections import NAME, Selections
from explorer.study.study import Study
from explorer.study.tables import unguarded_cell
from explorer.views.selection import Between, Filter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("values") / "studies" / "one")


@pytest.fixture
def study(folder, monkeypatch):
    return shelved(folder, monkeypatch)


@pytest.fixture
def own(folder, tmp_path, monkeypatch):
    """A study that may be changed."""
    return shelved(copied(folder, tmp_path / "studies" / "own"), monkeypatch)


def test_numbers_arrive_as_they_are(study):
    """In float32 where that changes none, else in float64: a range holds the same samples here and there."""
    for column in chart_columns(study):
        about = told(f"{routes.data_url(study)}/chart/{column}")
        if about["kind"] == "number":
            body = send(f"{routes.data_url(study)}/values/{column}")[2]
            values = np.frombuffer(body, "<f8" if about["bytes"] == 8 else "<f4")
            np.testing.assert_array_equal(values, study.samples[column].to_numpy("f8"))


def test_codes_are_places_in_the_list_of_values(study):
    """Code i stands for value i, and the counts of the list are those of the table."""
    for column in ("label", "flipped", "split"):
        about = describe_column(study, column)
        codes = np.frombuffer(send(f"{routes.data_url(study)}/values/{column}")[2], "u1")
        texts = study.samples[column].astype(str).to_numpy()
        assert [about["entries"][code]["value"] for code in codes] == texts.tolist()
        assert [one["count"] for one in about["entries"]] == np.bincount(codes).tolist()


def test_a_missing_value_has_a_code_of_its_own_and_rare_ones_share_theirs(tmp_path, folder):
    """No value is lost: the named, the rarer ones and the missing add up to n."""

    def change(table):
        words = [f"word {number % 300}" for number in range(len(table))]
        words[7] = None
        return table.assign(own=words, gaps=table["suspicion"].where(table.index != 3))

    study = Study.open(rewritten(copied(folder, tmp_path / "gaps"), change))
    codes, about = column_values(study, "own"), describe_column(study, "own")
    assert codes[7] == NONE and about["missing"] == 1
    named = sum(one["count"] for one in about["entries"])
    assert named + (about["others"] or {"count": 0})["count"] + 1 == study.n
    assert (codes[codes != NONE] <= OTHERS).all()
    assert describe_column(study, "gaps")["missing"] == 1
    assert order_of(study, "gaps", is_rising=True)[-1] == order_of(study, "gaps", is_rising=False)[-1] == 3


@pytest.mark.parametrize("seed", range(6))
def test_bins_take_in_every_number(seed):
    """Rising edges from at most the least to at least the largest, each of which a link carries unchanged."""
    random = np.random.default_rng(seed)
    for values in (
        random.normal(size=500) * 10.0 ** random.integers(-8, 9),
        random.lognormal(0, 3, 700),
        random.integers(0, 4000, 900).astype(float),
        random.integers(0, 6, 100) / 5,
        np.full(9, random.normal()),
        np.array([np.nan, np.inf, 1.0, 1.0 + 1e-9]),
    ):
        edges = np.array(number_scale(values).edges)
        finite = values[np.isfinite(values)]
        assert (np.diff(edges) > 0).all()
        assert edges[0] <= finite.min() and finite.max() <= edges[-1]
        text = f"x={edges[0]:.17g}..{edges[-1]:.17g}"
        assert Filter.parse(str(Filter.parse(text))).conditions[0].low == edges[0]


def columns_of_numbers(random):
    """Whole numbers, numbers on a grid as computed and as rounded, continuous ones, equal ones; gaps among them."""
    places = random.integers(0, random.choice([7, 60, 900]), 1500)
    for step in (1.0, 0.02, 0.1, 0.25, 1 / 3):
        yield places * step + random.choice([0, -3, 0.5]) * step
        yield np.round(places * step - 1, 6)
    yield random.normal(size=1500) * 10.0 ** random.integers(-8, 9)
    yield np.round(random.normal(size=1500), 2)
    yield np.exp(random.normal(size=1500) * 3).round(1)
    yield np.full(1500, random.normal())
    yield np.nextafter(0.3, random.integers(0, 2, 1500))
    yield 1e16 + 2.0 * places


@pytest.mark.parametrize("width", ["f4", "f8"])
@pytest.mark.parametrize("seed", range(4))
def test_a_brushed_bar_selects_exactly_what_it_counts(seed, width):
    """Bars count half-open bins and a range holds both its ends: no number lies where two bars meet."""
    random = np.random.default_rng(seed)
    for numbers in columns_of_numbers(random):
        values = numbers.astype(width).astype("f8")
        values[random.random(len(values)) < 0.1] = np.nan
        edges = number_scale(values.astype(width)).edges
        counted = np.histogram(values[np.isfinite(values)], edges)[0]
        samples = pd.DataFrame({"x": values.astype(width)})
        for bar, count in enumerate(counted):
            low, high = edges[bar : bar + 2]
            chosen = Filter.parse(str(Filter((Between("x", low, high),))))
            assert chosen.mask(samples).sum() == count == samples["x"].astype("f8").between(low, high).sum()


@pytest.mark.parametrize("width", ["f4", "f8"])
@pytest.mark.parametrize("step", [1.0, 0.02, 0.1, 0.25, 5.0])
@pytest.mark.parametrize("places", [30, 47, 100, 333])
def test_evenly_spread_numbers_on_a_grid_have_even_bars(places, step, width):
    """Each inner bin takes in as many of the grid's numbers as any other: no gaps and no doubled bars come of it."""
    values = (np.arange(places) * step).astype(width)
    edges = number_scale(values).edges
    counted = np.histogram(values.astype("f8"), edges)[0]
    assert len(set(counted[1:-1].tolist())) == 1 and counted.min() > 0


@given(some.lists(some.floats(allow_subnormal=False), max_size=60))
def test_any_numbers_have_bins(numbers):
    """Also none, equal ones, and those at the ends of what a float can say; none lies where two bins meet."""
    values = np.array(numbers, dtype=float)
    values = values[~(np.abs(values) > 1e300)]
    edges = number_scale(values).edges
    assert len(edges) >= 2 and np.isfinite(edges).all()
    assert not set(edges[1:-1]) & set(values.tolist())


def test_an_order_is_that_of_the_column(study):
    """Largest or smallest first; equal ones by row."""
    for rising, query in ((False, ""), (True, "?rising=1")):
        rows = np.frombuffer(send(f"{routes.data_url(study)}/order/suspicion{query}")[2], "<u4")
        expected = study.samples["suspicion"].sort_values(ascending=rising, kind="stable").index
        assert rows.tolist() == expected.tolist()


def test_words_are_those_of_the_rows_in_their_order(study):
    """Label and prediction by name."""
    answer = told(f"{routes.data_url(study)}/words?rows=9,3,9")
    assert [one["row"] for one in answer] == [9, 3, 9]
    assert answer[1]["label"] == study.class_names[study.samples["label"][3]]


def test_what_is_shown_first_tells_something(study, tmp_path):
    """Columns that the study has, with more than one value; for a regression its target and residual."""
    assert first_charts(study) == ("label_margin", "soft_density", "confidence", "label", "split")
    regression = Study.open(as_regression(copied(study.path, tmp_path / "values")))
    assert "target" in first_charts(regression)


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode())))


def test_the_export_holds_the_selected_rows(study):
    """Row, label, prediction and main numbers of exactly the rows that pass, as a download."""
    chosen = "label=1|2;suspicion=0.25..0.75"
    status, headers, body = send(f"{routes.data_url(study)}/selection.csv?filter={quote(chosen)}")
    rows = np.flatnonzero(Filter.parse(chosen).mask(study.samples))
    lines = rows_of(body)
    assert status == 200 and headers["content-disposition"].startswith("attachment")
    assert [int(line["row"]) for line in lines] == rows.tolist()
    assert [float(line["suspicion"]) for line in lines] == study.samples["suspicion"][rows].astype(float).tolist()
    assert [line["label"] for line in lines] == [study.class_names[label] for label in study.samples["label"][rows]]


def test_a_name_that_would_run_in_a_spreadsheet_is_guarded(folder, tmp_path, monkeypatch):
    """A cell never begins with what a spreadsheet takes for a formula, and reads back as it was."""
    hostile = ['=HYPERLINK("http://evil")', "+1", "-1", "@x"]
    names = rewritten(copied(folder, tmp_path / "studies" / "evil"), lambda table: table, class_names=hostile)
    study = shelved(names, monkeypatch)
    lines = rows_of(send(f"{routes.data_url(study)}/selection.csv")[2])
    assert len(lines) == study.n
    assert all(line["label"].startswith("'") and unguarded_cell(line["label"]) in hostile for line in lines)


def test_a_selection_is_saved_and_then_a_column_like_others(own):
    """What was told is on the disk; the library hands out the study with its new column and another version."""
    base, before = routes.data_url(own), own.version
    assert post(f"{base}/selections/save", name="my ones", filter="label=1")["name"] == "my ones"
    study = routes.library().open(own.path.name)
    assert study.version != before
    expected = (study.samples["label"] == 1).tolist()
    assert study.samples["my ones"].tolist() == expected
    assert Filter.parse("my ones=True").mask(study.samples).tolist() == expected
    assert told(f"{base}/legend/my%20ones")["entries"][1]["count"] == sum(expected)
    post(f"{base}/selections/remove", name="my ones")
    assert routes.library().open(own.path.name).version == before


@pytest.mark.parametrize(
    "message",
    [
        {"name": "label", "filter": "label=1"},
        {"name": "<b>", "filter": "label=1"},
        {"name": "mine", "filter": "nope"},
        {"name": "mine", "filter": "label=99"},
        {"name": "mine"},
        {"name": ["mine"], "filter": ""},
        {"name": "mine", "filter": None},
    ],
)
def test_what_cannot_be_saved_is_answered_by_a_sentence(own, message):
    """And nothing is written."""
    status, _, body = send(f"{routes.data_url(own)}/selections/save", "POST", json.dumps(message).encode(), PAGE)
    assert (status, list(json.loads(body))) == (400, ["error"])
    assert not (own.path / NAME).exists()


@pytest.mark.parametrize("path", ["selections/save", "selections/remove"])
def test_another_site_can_neither_save_nor_remove(own, path):
    """Even with the token in hand; and a plain form has not the content type."""
    Selections.open(own).save("mine", (own.samples["label"] == 1).to_numpy())
    before = (own.path / NAME).read_bytes()
    body = json.dumps({"name": "mine", "filter": ""}).encode()
    for origin in ("http://evil.example", "null", f"http://{HOST}.evil.example"):
        assert send(f"{routes.data_url(own)}/{path}", "POST", body, PAGE | {"origin": origin})[0] == 403
    assert send(f"{routes.data_url(own)}/{path}", "POST", body, PAGE | {"content-type": "text/plain"})[0] == 415
    assert (own.path / NAME).read_bytes() == before


@pytest.mark.parametrize(
    "path",
    ["values/nope", "values/x", "chart/__class__", "order/nope", "order/suspicion?rising=2", "words", "words?rows=240"]
    + ["words?rows=1,,2", f"words?rows={','.join(['1'] * 201)}", "selection.csv?filter=nope", "chart/%2e%2e"],
)
def test_a_question_that_cannot_be_read_is_answered_by_a_sentence(study, path):
    """Columns, rows and filters are checked like everywhere."""
    status, _, body = send(f"{routes.data_url(study)}/{path}")
    assert (status, list(json.loads(body))) == (400, ["error"])


def test_conditions_reach_the_browser_as_ranges_and_values(study, monkeypatch):
    """Open ends as null, since JSON has no infinity; what no chart can say keeps its text."""
    import streamlit as st

    chosen = Filter.parse("suspicion=-inf..0.5;label=1|2;split=train;confidence=nan..1;rows=1,2")
    monkeypatch.setitem(st.session_state, "selection", type("Chosen", (), {"filter": chosen})())
    found = _conditions(study)
    assert [one["kind"] for one in found] == ["range", "values", "values", "other", "other"]
    assert (found[0]["low"], found[0]["high"], found[1]["values"]) == (None, 0.5, ["1", "2"])
    assert ";".join(one["text"] for one in found) == str(chosen)
    json.dumps(found, allow_nan=False)


def test_all_columns_but_the_places_on_the_map_can_be_charts(study):
    """Brushing a place is what the lasso is for."""
    assert set(study.samples) - set(chart_columns(study)) == {"x", "y"}
