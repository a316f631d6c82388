"""Laws of `export`: a whole page or none, a sentence where something is wrong, nothing heavy loaded."""

import re

import numpy as np
import pytest
from folders import bytes_of
from test_cli import child, finished

from explorer.study.manifest import read_manifest
from explorer.study.steps import write_file


def test_a_report_is_one_whole_page_and_says_its_size(said, small, tmp_path):
    """Nothing but the file appears, the study is as it was, and nothing in the page is fetched from elsewhere."""
    before = bytes_of(small)
    out = tmp_path / "new" / "report.html"
    out.parent.mkdir()
    code, told, err = said("export", small, "--out", out)
    assert (code, err) == (0, "")
    html = out.read_text("utf-8")
    assert html.lower().startswith("<!doctype html>") and html.rstrip().endswith("</html>")
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert re.fullmatch(rf"wrote {re.escape(str(out))}: [\d.]+ [kM]B in [\d.]+ s\n", told)
    assert [one.name for one in out.parent.iterdir()] == ["report.html"]
    assert bytes_of(small) == before


def test_it_works_in_a_process_of_its_own(small, tmp_path):
    code, out, err = finished(child("export", small, "--out", tmp_path / "report.html", "--suspects", "3"))
    assert (code, err) == (0, "") and (tmp_path / "report.html").stat().st_size > 10_000 and "wrote" in out


def refused(said, *words):
    code, out, err = said("export", *words)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("error: ")
    return err


@pytest.mark.parametrize("name", ["report", "report.pdf", "report.html.gz", ".html"])
def test_another_ending_is_refused_before_anything_is_read(said, tmp_path, name):
    assert ".html" in refused(said, tmp_path / "no study", "--out", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(said, small, tmp_path):
    assert "found none" in refused(said, small, "--out", tmp_path / "nowhere" / "report.html")
    (tmp_path / "folder.html").mkdir()
    assert "Name another" in refused(said, small, "--out", tmp_path / "folder.html")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.html", "small"]


def test_fewer_suspects_than_none_are_refused(said, small, tmp_path):
    assert "--suspects" in refused(said, small, "--out", tmp_path / "report.html", "--suspects", "-1")


def test_no_study_and_an_unfinished_one_are_refused(said, small, tmp_path):
    refused(said, tmp_path / "nothing", "--out", tmp_path / "report.html")
    (small / "manifest.json").write_bytes(read_manifest(small).without_step("samples").to_json())
    assert "samples" in refused(said, small, "--out", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_report_that_fails_leaves_the_one_before(said, small, tmp_path, monkeypatch):
    """Whole or as it was: a disk that is full while it is written changes nothing."""
    import explorer.cli.presenting as presenting

    out = tmp_path / "report.html"
    write_file(out, b"the one before")

    def full(path, content):
        path.with_name("report.html.part").write_bytes(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(presenting, "write_file", full)
    assert "No space left" in refused(said, small, "--out", out)
    assert out.read_bytes() == b"the one before"


def test_more_suspects_than_samples_are_all_of_them(said, small, tmp_path):
    """The number of samples shown grows with --suspects and stops at the study."""
    sizes = []
    for count in (0, 5, 80, 10_000):
        assert said("export", small, "--out", tmp_path / "report.html", "--suspects", count)[0] == 0
        sizes.append((tmp_path / "report.html").stat().st_size)
    assert sizes[0] < sizes[1] < sizes[2]
    assert np.isclose(sizes[3], sizes[2], rtol=0.01)
