"""Decisions out and in: what comes back is what went out, and a file that is wrong changes nothing."""

import csv

import numpy as np
import pandas as pd
import pytest

from explorer.errors import DecisionError
from explorer.study.decisions import Decisions
from explorer.study.given import GivenLabels, numbers_of
from explorer.study.label_files import (
    COLUMNS,
    CleanedLabels,
    cleaned_labels,
    export_decisions,
    export_labels,
    read_decisions,
    read_labels,
)

CLASSES = GivenLabels(np.arange(12) % 3, 3, ["red", "green", "blue"])
TARGETS = GivenLabels(np.linspace(-1, 1, 12, dtype=np.float32))
PAIRS = GivenLabels(np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2))
NEW_LABELS = {"classes": 0, "targets": 1 / 3, "pairs": [0.1, -2e-9]}
GIVEN = {"classes": CLASSES, "targets": TARGETS, "pairs": PAIRS}
ENDINGS = ("csv", "parquet")

NOTES = [
    "",
    "plain",
    'two\nlines, and a "quote"',
    "\r\nwindows\rmac\n",
    "carriage\rreturn",
    "=1+1",
    "'=1+1",
    "''",
    "'tis",
    "+",
    "-2",
    "@me",
    "\ttab",
    "  spaces  ",
    "NULL",
    "nan",
    "a;b,c",
    "ünïcödé 標籤 🏷",
]


def decisions_in(folder, given=CLASSES):
    folder.mkdir(exist_ok=True)
    return Decisions(folder / "decisions.sqlite", given, "fingerprint")


def some_decisions(folder, given, new_label):
    """Every decision, notes of every kind, two people who agree and disagree, and one who took something back."""
    decisions = decisions_in(folder, given)
    for number, note in enumerate(NOTES):
        decisions.decide([number % 8], ("keep", "drop", "unsure")[number % 3], note=note, who=f"=p{number % 3}")
    decisions.decide([2, 8, 10], "relabel", new_label, who="anna")
    decisions.decide([2], "relabel", new_label, who="Bob, the “second”")
    decisions.decide([0, 11], "drop")
    decisions.undo("anna")
    decisions.decide([2, 10], "relabel", new_label, "again", who="anna")
    return decisions


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("task", GIVEN)
@pytest.mark.parametrize("everyone", [False, True])
def test_what_is_exported_and_imported_stands_exactly_as_before(tmp_path, ending, task, everyone):
    """Every cell, the times and the people too; as one batch, which one undo takes back."""
    decisions = some_decisions(tmp_path / "one", GIVEN[task], NEW_LABELS[task])
    out = tmp_path / f"decisions.{ending}"
    assert export_decisions(decisions, out, everyone=everyone).equals(decisions.standing(everyone=everyone))
    other = decisions_in(tmp_path / "other", GIVEN[task])
    assert other.adopt(read_decisions(out, other.given), "carl") == len(decisions.standing(everyone=everyone))
    assert other.standing(everyone=everyone).equals(decisions.standing(everyone=everyone))
    assert other.version == 1 and set(other.log()["by_whom"]) == {"carl"}
    assert len(other.undo("carl")) == decisions.standing()["row"].nunique()
    assert other.standing().empty


@pytest.mark.parametrize("ending", ENDINGS)
def test_to_import_twice_is_to_import_once(tmp_path, ending):
    """Also into the study that the file came from, where all of it stands."""
    decisions, out = some_decisions(tmp_path / "one", CLASSES, 0), tmp_path / f"decisions.{ending}"
    export_decisions(decisions, out)
    before, version = decisions.standing(), decisions.version
    for _ in range(2):
        assert decisions.adopt(read_decisions(out, CLASSES)) == 0
    assert decisions.standing().equals(before) and decisions.version == version


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_other_programs_saved_again_is_still_read(tmp_path, ending):
    """Classes become floats in a column with gaps, columns change places, flags are shouted, a mark stands in front."""
    decisions, out = some_decisions(tmp_path / "one", CLASSES, 0), tmp_path / f"decisions.{ending}"
    expected = export_decisions(decisions, out)
    if ending == "csv":
        table = pd.read_csv(out)
        table["conflict"] = table["conflict"].map({True: "TRUE", False: "FALSE"})
        table[list(reversed(COLUMNS))].to_csv(out, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    else:
        table = pd.read_parquet(out)
        table["decided_at"] = pd.to_datetime(table["decided_at"])
        table["new_label"] = table["new_label"].astype("float64")
        table[list(reversed(COLUMNS))].to_parquet(out)
    other = decisions_in(tmp_path / "other")
    other.adopt(read_decisions(out, other.given))
    columns = [name for name in COLUMNS if name != "note"]  # pandas reads the note NULL as none
    pd.testing.assert_frame_equal(other.standing()[columns], expected[columns])


def written(path, *lines, heading="row,label,decision,new_label,note,decided_at"):
    path.write_text("\n".join([heading, *lines]) + "\n")
    return path


def test_a_list_written_by_hand_needs_no_person_and_no_time(tmp_path):
    """Classes by name or number; the person is whoever imports, the time is now."""
    path = written(tmp_path / "a.csv", "0,red,relabel,blue,,", "", "1,1,relabel,0,seen twice,", "2,blue,drop,,,")
    found = read_decisions(path, CLASSES, "anna")
    assert [(one.row, one.label, one.decision, one.new_label, one.note, one.who) for one in found] == [
        (0, 0, "relabel", 2, "", "anna"),
        (1, 1, "relabel", 0, "seen twice", "anna"),
        (2, 2, "drop", None, "", "anna"),
    ]
    assert len({one.decided_at for one in found}) == 1


GOOD = '0,0,keep,,"two\nlines",2026-01-01T00:00:00Z'
WRONG = {
    "12,0,keep,,,": "line 4: a row must be a whole number from 0 to 11, found 12",
    "-1,0,keep,,,": "line 4: a row must be",
    "1.5,1,keep,,,": "found '1.5'",
    "first,1,keep,,,": "found 'first'",
    ",1,keep,,,": "found ''",
    "9999999999999999999999,1,keep,,,": "line 4: a row must be",
    "1,2,keep,,,": "the label of sample 1 must be the one that it was given, 1, found 2",
    "1,,keep,,,": "line 4: a class must be a whole number from 0 to 2",
    "1,gray,keep,,,": "found 'gray'",
    "1,1,paint,,,": "line 4: a decision must be one of keep, relabel, drop, unsure, found 'paint'",
    "1,1,,,,": "found ''",
    "1,1,relabel,,,": "a relabel without one",
    "1,1,relabel,3,,": "line 4: a class must be",
    "1,1,relabel,1.5,,": "found '1.5'",
    "1,1,keep,2,,": "a new label, '2', with keep",
    "1,1,keep,,,yesterday": "line 4: a time must be written like",
    "1,1,keep,,,2026-01-01": "with its time zone, found '2026-01-01'",
    "1,1,keep,,": "line 4: expected 6 cells, one a column, found 5",
    "1,1,keep,,,,": "found 7",
    "0,0,drop,,,": "found another decision about 0 in line 2",
    '1,1,keep,,"': "line 4: expected CSV in UTF-8",
    f"1,1,keep,,{'x' * 10_001},": "at most 10,000 characters",
}


@pytest.mark.parametrize(
    ("line", "told"), WRONG.items(), ids=[f"{told[:40]} {line[:12]}" for line, told in WRONG.items()]
)
def test_a_line_that_cannot_be_is_named_by_its_number_and_nothing_is_imported(tmp_path, line, told):
    """The number is that of a text editor: a note may run over several lines."""
    path = written(tmp_path / "a.csv", GOOD, line)
    with pytest.raises(DecisionError) as caught:
        read_decisions(path, CLASSES)
    assert str(caught.value).startswith(f"{path} line 4: ") and told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "heading",
    [
        "row,label,decision,new_label,note",
        "row,label,decision,new_label,note,decided_at,color",
        "row;label;decision;new_label;note;decided_at",
        "row,row,label,decision,new_label,note,decided_at",
        "0,0,keep,,,",
        "",
    ],
)
def test_other_columns_are_refused_with_those_that_are_needed(tmp_path, heading):
    path = written(tmp_path / "a.csv", heading=heading)
    with pytest.raises(DecisionError, match=r"line 1: expected the columns row, label, decision, new_label, note"):
        read_decisions(path, CLASSES)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"row": [0, 99]}, "record 2: a row must be"),
        ({"row": [True, False]}, "record 1: a row must be a whole number from 0 to 11, found 'True'"),
        ({"decision": ["keep", None]}, "record 2: a decision must be"),
        ({"decided_at": pd.to_datetime(["2026-01-01", "2026-01-01"])}, "with its time zone"),
        ({"conflict": [0.5, 0.5]}, "conflict must be true or false, found '0.5'"),
        ({"note": None}, "expected the columns"),
    ],
)
def test_a_wrong_type_in_parquet_is_named_by_its_record(tmp_path, changes, told):
    path = tmp_path / "a.parquet"
    decisions = decisions_in(tmp_path / "one")
    decisions.decide([0, 1], "keep")
    table = export_decisions(decisions, path).assign(**changes)
    table.drop(columns=[name for name, value in changes.items() if value is None]).to_parquet(path)
    with pytest.raises(DecisionError) as caught:
        read_decisions(path, CLASSES)
    assert told in str(caught.value)


def test_no_cell_of_a_note_or_a_name_is_run_by_a_spreadsheet(tmp_path):
    """In CSV; Parquet is not opened by one and stays as written."""
    decisions, out = some_decisions(tmp_path / "one", CLASSES, 0), tmp_path / "decisions.csv"
    export_decisions(decisions, out, everyone=True)
    with out.open(newline="") as file:
        cells = [line[name] for line in csv.DictReader(file) for name in ("note", "who")]
    assert any(cell.startswith("'=") for cell in cells)
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []


def cleaned_by_hand(decisions):
    """Sample by sample: what all who decided about it stand at, if they stand at one thing."""
    labels, keep = [], []
    for row in range(len(decisions.given)):
        verdicts = {one.verdict for one in decisions.current() if one.row == row}
        decision, new_label = verdicts.pop() if len(verdicts) == 1 else ("unsure", None)
        labels.append(new_label if decision == "relabel" else decisions.given.label(row))
        keep.append(decision != "drop")
    return labels, keep


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("task", GIVEN)
def test_cleaned_labels_are_those_that_stand_in_the_order_of_the_samples(tmp_path, ending, task):
    """Dropped samples are marked, and in doubt or disagreement a label stays as it was given."""
    given = GIVEN[task]
    decisions, out = some_decisions(tmp_path / "one", given, NEW_LABELS[task]), tmp_path / f"cleaned.{ending}"
    before = np.array(given.values)
    cleaned = export_labels(decisions, out)
    labels, keep = cleaned_by_hand(decisions)
    table = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert table.columns.tolist() == ["row", "label", "keep"]
    assert table["row"].tolist() == list(range(12))
    assert table["keep"].tolist() == keep == cleaned.keep.tolist()
    np.testing.assert_array_equal(
        np.array([numbers_of(label) for label in table["label"].tolist()], dtype=before.dtype),
        np.array([numbers_of(label) for label in labels], dtype=before.dtype),
    )
    assert not all(keep) and not np.array_equal(cleaned.values, before)
    again = read_labels(out, given)
    np.testing.assert_array_equal(again.values, cleaned.values)
    np.testing.assert_array_equal(again.keep, cleaned.keep)
    np.testing.assert_array_equal(given.values, before)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_decisions_gives_the_same_labels_as_the_cleaned_ones(tmp_path, ending):
    decisions, out = some_decisions(tmp_path / "one", CLASSES, 0), tmp_path / f"decisions.{ending}"
    export_decisions(decisions, out)
    expected, found = cleaned_labels(CLASSES, decisions.current()), read_labels(out, CLASSES)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.keep, expected.keep)


CLEANED = [f"{row},{row % 3},true" for row in range(12)]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (CLEANED[:11], "a line for each of the 12 samples, found 11"),
        ([*CLEANED, "12,0,true"], "a line for each of the 12 samples, found 13"),
        ([CLEANED[1], CLEANED[0], *CLEANED[2:]], "line 2: expected row 0, found 1. Keep the samples in their order"),
        ([*CLEANED[:11], "11,3,true"], "line 13: a class must be"),
        ([*CLEANED[:11], "11,2,maybe"], "line 13: keep must be true or false, found 'maybe'"),
        ([*CLEANED[:11], "11,2"], "line 13: expected 3 cells"),
    ],
)
def test_cleaned_labels_of_other_samples_are_refused(tmp_path, lines, told):
    path = written(tmp_path / "a.csv", *lines, heading="row,label,keep")
    with pytest.raises(DecisionError) as caught:
        read_labels(path, CLASSES)
    assert told in str(caught.value) and str(path) in str(caught.value)


def test_only_kept_labels_that_differ_are_changed():
    """A dropped one, and a target that was missing and still is, are no change; any one of several targets is."""
    given = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)
    after = given.copy()
    after[[2, 3], 1] = 9
    cleaned = CleanedLabels(after, np.array([True, True, True, False]))
    assert cleaned.changed(given).tolist() == [False, False, True, False]
