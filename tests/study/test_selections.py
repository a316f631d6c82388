"""Laws of named selections: what was saved is a column of flags, names are strict, a bad file costs nothing else."""

import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from pages.screen import copied, made_up_study

from explorer.cli.main import main
from explorer.errors import SettingsError, StudyError, StudyMismatch
from explorer.study.selections import LONGEST_NAME, NAME, Selections
from explorer.study.study import Study

N = 240


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("selections") / "one")


@pytest.fixture
def folder(finished, tmp_path):
    return copied(finished, tmp_path / "study")


def some_rows(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(N) < 0.3


def test_what_was_saved_is_a_column_of_the_samples_table(folder):
    """Flags, last in the table, in the order in which they were saved; all else stays as it was."""
    before = Study.open(folder).samples
    selections = Selections.open(Study.open(folder))
    selections.save("odd sevens", some_rows(1))
    selections.save(" big_ones ", some_rows(2))
    after = Study.open(folder).samples
    assert list(after) == [*before, "odd sevens", "big_ones"]
    pd.testing.assert_frame_equal(after[list(before)], before)
    np.testing.assert_array_equal(after["odd sevens"], some_rows(1))
    np.testing.assert_array_equal(after["big_ones"], some_rows(2))
    assert after["big_ones"].dtype == bool
    Study.open(folder).verify()


def test_a_removed_selection_leaves_no_trace(folder):
    """Table and version are as before; with the last selection the file goes."""
    before = Study.open(folder)
    selections = Selections.open(before)
    selections.save("mine", some_rows())
    assert Study.open(folder).version != before.version
    selections.remove("mine")
    assert not (folder / NAME).exists()
    after = Study.open(folder)
    assert (after.version, list(after.samples)) == (before.version, list(before.samples))
    with pytest.raises(SettingsError, match="none"):
        selections.remove("mine")


def test_the_version_says_when_rows_change_under_the_same_name(folder):
    """What a browser keeps by version must not be of another selection."""
    selections, versions = Selections.open(Study.open(folder)), set()
    for seed in range(3):
        selections.save("mine", some_rows(seed))
        versions.add(Study.open(folder).version)
        selections.remove("mine")
    assert len(versions) == 3


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "1st",
        "_a",
        "a" * (LONGEST_NAME + 1),
        "a;b",
        "a=b",
        "a..b",
        "a|b",
        "a,b",
        "a/b",
        "<b>",
        "=1+1",
        "a\nb",
        "²",
    ]
    + ["label", "Label", "suspicion", "SUSPICION", "x", "rows", "lasso", "target", "target_3", "prediction_0", "row"],
)
def test_a_name_that_is_none_or_taken_is_refused(folder, name):
    """Strange characters, other columns in any case, and words that mean something else; nothing is written."""
    with pytest.raises(SettingsError, match="Change it|another name"):
        Selections.open(Study.open(folder)).save(name, some_rows())
    assert not (folder / NAME).exists()


def test_a_name_is_given_once(folder):
    """In any case of its letters; what was there stays."""
    selections = Selections.open(Study.open(folder))
    selections.save("Mine", some_rows(1))
    with pytest.raises(SettingsError, match="another name"):
        selections.save("mine", some_rows(2))
    np.testing.assert_array_equal(Study.open(folder).samples["Mine"], some_rows(1))


@pytest.mark.parametrize(
    "rows", [np.zeros(N, bool), np.ones(N - 1, bool), np.ones((N, 1), bool), np.ones(N), np.arange(N)]
)
def test_rows_that_are_no_selection_are_refused(folder, rows):
    """None at all, of another length, or no flags."""
    with pytest.raises(SettingsError, match="at least one"):
        Selections.open(Study.open(folder)).save("mine", rows)


@pytest.mark.parametrize("share", [0.003, 0.5, 1.0])
def test_any_selection_is_read_back_as_it_was(folder, share):
    """Few, half, or all."""
    flags = np.random.default_rng(7).random(N) < share
    flags[9] = True
    Selections.open(Study.open(folder)).save("mine", flags)
    np.testing.assert_array_equal(Study.open(folder).samples["mine"], flags)


def test_the_table_on_the_command_line_has_the_named_columns(folder, tmp_path):
    """`samples --out` writes them by itself."""
    Selections.open(Study.open(folder)).save("odd sevens", some_rows())
    assert main(["samples", str(folder), "--out", str(tmp_path / "all.csv")]) == 0
    assert pd.read_csv(tmp_path / "all.csv")["odd sevens"].tolist() == some_rows().tolist()


def table_bytes(**columns) -> bytes:
    content = io.BytesIO()
    pd.DataFrame(columns).to_parquet(content, index=False)
    return content.getvalue()


BAD = {
    "no table": b"not a table",
    "empty": b"",
    "too short": table_bytes(mine=np.ones(N - 1, bool)),
    "numbers": table_bytes(mine=np.arange(N)),
    "texts": table_bytes(mine=["a"] * N),
    "gaps": table_bytes(mine=[None, *[True] * (N - 1)]),
    "another column": table_bytes(suspicion=np.ones(N, bool)),
    "hostile": table_bytes(**{"<script>": np.ones(N, bool)}),
    "twice": table_bytes(mine=np.ones(N, bool), MINE=np.ones(N, bool)),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_damaged_file_costs_the_selections_and_nothing_else(folder, content):
    """The study opens as without it and says so in one sentence; saving is refused, so that nothing is overwritten."""
    before = Study.open(folder)
    columns, warnings = list(before.samples), before.warnings
    (folder / NAME).write_bytes(content)
    study = Study.open(folder)
    assert list(study.samples) == columns
    assert len(study.warnings) == len(warnings) + 1
    assert "delete it to begin anew" in study.warnings[-1] and "\n" not in study.warnings[-1]
    with pytest.raises(StudyMismatch, match="delete it"):
        Selections.open(study).save("other", some_rows())
    assert (folder / NAME).read_bytes() == content


def test_a_link_to_another_place_is_not_followed(folder, tmp_path):
    """A stranger's study cannot show what else lies on this machine."""
    (tmp_path / "elsewhere.parquet").write_bytes(table_bytes(secret=np.ones(N, bool)))
    (folder / NAME).symlink_to(tmp_path / "elsewhere.parquet")
    study = Study.open(folder)
    assert "secret" not in study.samples
    assert "link" in study.warnings[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_is_told(folder):
    """The study still opens."""
    study = Study.open(folder)
    folder.chmod(0o500)
    try:
        with pytest.raises(StudyError, match="place of your own"):
            Selections.open(study).save("mine", some_rows())
    finally:
        folder.chmod(0o700)


def test_several_at_once_lose_nothing(folder):
    """Each of several that save at once finds its selection afterwards."""

    def save(number: int) -> None:
        Selections.open(Study.open(folder)).save(f"of {number} x", some_rows(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(8)))
    samples = Study.open(folder).samples
    for number in range(8):
        np.testing.assert_array_equal(samples[f"of {number} x"], some_rows(number))
