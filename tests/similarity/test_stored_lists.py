"""Laws of lists beyond memory: the answers of lists in memory, and files that can be carried elsewhere."""

import errno
import os
import shutil

import faiss
import numpy as np
import pytest
from indexes import read_index

from explorer.similarity.neighbors import find_neighbors, find_stored_neighbors, unit_rows
from explorer.similarity.stored_lists import DATA, StoredLists, array_on_disk, write_index

N, WIDTH, K = 2500, 16, 12
SHARD = 300 * (WIDTH + 8)
"""Bytes of lists of 300 samples."""


@pytest.fixture(scope="module")
def units():
    """2,500 samples in 50 loose groups; the last 80 repeat the first ones, one has no direction."""
    random = np.random.default_rng(0)
    rows = unit_rows(random.normal(size=(50, WIDTH))[random.integers(0, 50, N)] + 0.4 * random.normal(size=(N, WIDTH)))
    rows[-80:] = rows[:80]
    rows[7] = 0
    return rows


def search(units, **words):
    """As the step does, in blocks of some hundred samples."""
    return find_stored_neighbors(lambda rows: units[rows], len(units), units.shape[1], K, most=0, **words)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """256 samples in a block, so that several shards are written."""
    monkeypatch.setattr("explorer.similarity.distinct._BLOCK_VALUES", 256 * WIDTH)


def test_lists_on_the_disk_answer_as_lists_in_memory(units, tmp_path):
    """The same neighbors to the last bit, the same facts but for where the lists lie, and nothing left behind."""
    found, facts = search(units, folder=tmp_path, held=SHARD)
    expected, told = search(units)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.similarities, expected.similarities, equal_nan=True)
    assert facts == {**told, "index": "ivf-sq8-on-disk"} and told["index"] == "ivf-sq8"
    assert not list(tmp_path.iterdir())


def test_what_fits_stays_in_memory(units, tmp_path):
    """One byte more than the lists of all usable samples take is enough."""
    usable = N - 1
    assert search(units, folder=tmp_path, held=usable * (WIDTH + 8))[1]["index"] == "ivf-sq8"
    assert search(units, folder=tmp_path, held=usable * (WIDTH + 8) - 1)[1]["index"] == "ivf-sq8-on-disk"


def test_neighbors_beyond_memory_lie_in_files_that_nobody_sees(units, tmp_path):
    """They are mapped, and their names are gone."""
    found = search(units, folder=tmp_path, held=SHARD)[0]
    assert isinstance(found.indices, np.memmap) and isinstance(found.similarities, np.memmap)
    assert not list(tmp_path.iterdir())


def test_the_recall_that_is_told_is_that_of_an_oracle(units, tmp_path):
    """Share of the ten nearest, by comparing all with all."""
    found, facts = search(units, folder=tmp_path, held=SHARD)
    exact = find_neighbors(units, K)
    kept = exact.indices[:, 0] >= 0
    pairs = zip(found.indices[kept, :10], exact.indices[kept, :10], strict=True)
    true = np.mean([len(set(mine) & set(theirs)) / 10 for mine, theirs in pairs])
    assert facts["recall_at_10"] == pytest.approx(true, abs=0.02)
    assert true > 0.96


@pytest.fixture
def kept(units, tmp_path):
    """A folder with an index and its lists."""
    folder = tmp_path / "made"
    folder.mkdir()
    search(units, folder=folder, held=SHARD, keep=lambda index: write_index(index, folder / "index.faiss"))
    return folder


def test_a_kept_index_moves_with_its_folder(units, kept, tmp_path):
    """Two files, which answer for every usable sample, duplicates too, wherever they lie."""
    assert sorted(path.name for path in kept.iterdir()) == ["index.faiss", DATA]
    moved = tmp_path / "elsewhere" / "neighbors"
    moved.parent.mkdir()
    shutil.move(kept, moved)
    index = read_index(moved / "index.faiss")
    assert index.ntotal == N - 1
    assert set(index.search(units[3:4], 2)[1][0]) == {3, N - 77}
    index.nprobe = index.nlist
    assert set(index.search(units[:1], N)[1][0]) == {-1, *range(N)} - {7}


def test_a_kept_index_holds_what_one_in_memory_holds(units, kept):
    """List by list the same codes under the same numbers."""
    held = []
    search(units, keep=held.append)
    held.append(read_index(kept / "index.faiss"))
    theirs, mine = (index.invlists for index in held)
    assert mine.nlist == theirs.nlist
    for number in range(mine.nlist):
        size = mine.list_size(number)
        assert size == theirs.list_size(number)
        if size:
            ids = [faiss.rev_swig_ptr(one.get_ids(number), size) for one in (mine, theirs)]
            codes = [faiss.rev_swig_ptr(one.get_codes(number), size * WIDTH) for one in (mine, theirs)]
            assert np.array_equal(*ids) and np.array_equal(*codes)


def test_no_path_of_this_machine_gets_into_the_files(units, kept, tmp_path):
    """So that the same search writes the same bytes in another folder."""
    again = tmp_path / "again, in a folder of another name"
    again.mkdir()
    search(units, folder=again, held=SHARD, keep=lambda index: write_index(index, again / "index.faiss"))
    for name in ("index.faiss", DATA):
        assert (again / name).read_bytes() == (kept / name).read_bytes()
        assert str(tmp_path).encode() not in (kept / name).read_bytes()


def test_nothing_is_printed(units, tmp_path, capfd):
    """FAISS would tell the standard output, on which a caller may expect one JSON document, what it resizes."""
    search(units, folder=tmp_path, held=SHARD)
    assert capfd.readouterr().out == ""


def test_a_search_goes_on_without_a_standard_output(units, tmp_path):
    """As under a supervisor that closes it."""
    own = os.dup(1)
    os.close(1)
    try:
        facts = search(units, folder=tmp_path, held=SHARD)[1]
    finally:
        os.dup2(own, 1)
        os.close(own)
    assert facts["index"] == "ivf-sq8-on-disk"


def test_results_on_the_disk_have_their_room_before_they_are_written(tmp_path):
    """Blocks and not holes: what is mapped and finds no room later ends the process with a signal."""
    array = array_on_disk(tmp_path / "much", (1000, 200), np.float32)
    assert 512 * (tmp_path / "much").stat().st_blocks >= array.nbytes
    assert not array.any()


@pytest.mark.parametrize("what", ["lists", "results"])
def test_a_quota_is_an_error_and_not_the_end_of_the_process(units, tmp_path, monkeypatch, what):
    """The disk has room and the system gives none: that is said before anything is mapped."""

    def refuse(handle, offset, size):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match=f"quota exceeded: .* bytes of {what}") as raised:
        if what == "lists":
            search(units, folder=tmp_path, held=SHARD)
        else:
            array_on_disk(tmp_path / "much", (1000, 2), np.float32)
    assert raised.value.errno == errno.EDQUOT


def test_duplicates_make_no_third_copy(units, tmp_path, monkeypatch):
    """When the lists are merged once more, with them, only the shards lie beside what is written."""
    merge, lying = StoredLists.merge, []

    def watched(stored):
        lying.append(sorted(path.name for path in tmp_path.rglob("*") if path.name.startswith("lists-")))
        merge(stored)

    monkeypatch.setattr(StoredLists, "merge", watched)
    search(units, folder=tmp_path, held=SHARD, keep=lambda index: None)
    assert lying == [[], []]


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(units, tmp_path, monkeypatch):
    """Both for lists and for neighbors: mapped files would end it with a signal."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="bytes of lists") as raised:
        search(units, folder=tmp_path, held=SHARD)
    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="bytes of results"):
        array_on_disk(tmp_path / "much", (1000, 2), np.float32)
    assert not list(tmp_path.iterdir())
