import pytest

from explorer.study.steps import state_of, write_file, written_folder


def test_a_folder_appears_under_its_name_only_when_it_is_whole(tmp_path):
    final = tmp_path / "shard"
    with written_folder(final) as part:
        (part / "a").write_text("half")
        assert state_of(final) == "partial"
    assert state_of(final) == "complete"
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]


def test_a_folder_whose_filling_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), written_folder(tmp_path / "shard") as part:
        (part / "a").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_does_not_get_into_the_next_folder(tmp_path):
    (tmp_path / "shard.part").mkdir()
    (tmp_path / "shard.part" / "stale").write_text("from before")
    with written_folder(tmp_path / "shard") as part:
        (part / "fresh").write_text("now")
    assert [path.name for path in (tmp_path / "shard").iterdir()] == ["fresh"]


def test_writing_a_file_replaces_the_whole_old_one(tmp_path):
    (tmp_path / "a.txt").write_text("a much longer text than the new one")
    write_file(tmp_path / "a.txt", b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "new")]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt.part").mkdir()  # in the way of the new one
    with pytest.raises(OSError, match=r"a\.txt\.part"):
        write_file(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_text() == "old"
