import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
from folders import bytes_of

import explorer
from explorer.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[1]
SUBJECT = f"{tiny.__file__}:subject"
VERBS = (
    *("subjects", "build", "status", "neighbors", "fidelity", "suspects", "samples", "export", "labels", "probe"),
    *("train", "snapshots"),
)
OPTIONS = ("--dim", "24", "--neighbors", "10", "--calibration", "24", "--device", "cpu")


def child(*words):
    """Starts a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "explorer", *map(str, words)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background ignore interrupts, and what they start would inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )


def finished(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def assert_alike(one, other):
    """Equal to rounding, which may differ between processes; the map, which magnifies rounding, is left out."""
    measured = [column for column in other if column not in ("x", "y")]
    assert list(one) == list(other)
    pd.testing.assert_frame_equal(one[measured], other[measured], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_has_an_example_that_begins_with_it(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert f"example: python -m explorer {verb}" in capsys.readouterr().out


def test_help_names_every_verb(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert {line.split()[0] for line in told.splitlines() if line.startswith("    ") and line[4] != " "} == set(VERBS)


def test_every_verb_works_in_a_process_of_its_own(tiny_study, tmp_path):
    """Also build, with one line a step on stderr, and again when there is nothing left to do."""
    processes = {
        "subjects": child("subjects"),
        "status": child("status", tiny_study.path),
        "neighbors": child("neighbors", tiny_study.path, 3),
        "suspects": child("suspects", tiny_study.path, "-n", "5"),
        "samples": child("samples", tiny_study.path, "--out", tmp_path / "samples.csv"),
        "fidelity": child("fidelity", tiny_study.path),
        "build": child("build", SUBJECT, "--study", tmp_path / "built", *OPTIONS),
    }
    ends = {verb: finished(process) for verb, process in processes.items()}
    assert {verb: code for verb, (code, _, _) in ends.items()} == dict.fromkeys(processes, 0), ends
    assert all(out for _, out, _ in ends.values())
    lines = ends.pop("build")[2].splitlines()
    assert [line.split("]")[1].split()[0] for line in lines] == list(
        explorer.open_study(tiny_study.path).manifest.steps
    )
    assert all(not err for _, _, err in ends.values())
    assert explorer.open_study(tmp_path / "built").steps_missing == []


def test_a_built_study_is_the_same_from_the_command_line_as_from_python(tmp_path, said, tiny_study):
    code, out, _ = said("build", SUBJECT, "--study", tmp_path / "built", *OPTIONS)
    assert code == 0 and "60 samples of tiny, complete" in out
    before = bytes_of(tmp_path / "built")
    code, _, err = said("build", SUBJECT, "--study", tmp_path / "built")
    assert (code, err) == (0, "")
    assert bytes_of(tmp_path / "built") == before
    one, other = explorer.open_study(tmp_path / "built"), tiny_study
    assert_alike(one.samples, other.samples)


def test_json_is_one_document_and_nothing_else(said, tiny_study):
    status, neighbors, suspects, subjects, fidelity = (
        json.loads(said(*words, "--json")[1])
        for words in (
            ("status", tiny_study.path),
            ("neighbors", tiny_study.path, 7, "-k", 3),
            ("suspects", tiny_study.path, "-n", 4),
            ("subjects",),
            ("fidelity", tiny_study.path, "--rows", 12),
        )
    )
    assert status["steps_missing"] == [] and status["settings"]["dim"] == 24 and status["samples"] == 60
    assert status["fidelity"] == tiny_study.fidelity
    assert {step["state"] for step in status["steps"].values()} == {"complete"}
    found = tiny_study.neighbors(7, 3)
    assert [one["row"] for one in neighbors] == found.indices.tolist()
    assert [one["similarity"] for one in neighbors] == pytest.approx(found.similarities)
    assert {"label", "prediction"} <= set(neighbors[0])
    suspicion = [one["suspicion"] for one in suspects]
    assert suspicion == sorted(tiny_study.samples["suspicion"], reverse=True)[:4]
    assert {"row", "label", "suggested_label", "label_margin"} <= set(suspects[0])
    assert {"mnist", "mnist-noisy", "digits", "circle", "registration", "diabetes"} == {one["name"] for one in subjects}
    assert set(fidelity) == set(tiny_study.fidelity) and fidelity["rows"] == 12


def test_exact_neighbors_are_ranked_by_full_gradients(said, tiny_study):
    told = json.loads(said("neighbors", tiny_study.path, 7, "-k", 5, "--exact", "--json")[1])
    assert [one["row"] for one in told] == tiny_study.exact_neighbors(7, 5).indices.tolist()


def test_status_of_an_unfinished_study_says_how_far_it_is(said, small):
    from explorer.study.study import Study

    manifest = Study.open(small).manifest.without_step("features").without_step("samples")
    (small / "manifest.json").write_bytes(manifest.to_json())
    (small / "features").rename(small / "features.part")
    told = json.loads(said("status", small, "--json")[1])
    assert told["steps_missing"] == ["features", "samples"]
    assert told["steps"]["features"] == {"state": "partial", "shards_done": 1, "shards": 1}
    assert told["steps"]["samples"] == {"state": "missing"}
    assert "unfinished, lacks features, samples" in said("status", small)[1]


@pytest.mark.parametrize("by", ["embedding", "input"])
def test_neighbors_can_be_asked_for_in_other_spaces(said, tiny_study, by):
    told = json.loads(said("neighbors", tiny_study.path, 7, "--by", by, "--json")[1])
    assert [one["row"] for one in told] == tiny_study.neighbors(7, by=by).indices.tolist()


def test_the_saved_table_is_the_studys(said, tiny_study, tmp_path):
    for name in ("samples.csv", "samples.parquet"):
        assert said("samples", tiny_study.path, "--out", tmp_path / name)[0] == 0
    samples = tiny_study.samples.reset_index(names="row")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "samples.parquet"), samples)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "samples.csv"), samples, check_dtype=False)


def test_a_table_for_people_names_classes(said, tiny_study):
    _, out, _ = said("suspects", tiny_study.path, "-n", "1")
    assert any(name in out.splitlines()[1].split() for name in ("red", "green", "blue"))


def test_a_network_is_trained_into_a_file_with_its_log_beside_it(said, tmp_path):
    code, out, err = said("train", SUBJECT, "--out", tmp_path / "tiny.safetensors", "--epochs", "2", "--device", "cpu")
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.log.parquet", "tiny.safetensors"]
    assert "tiny.log.parquet" in out and len(err.splitlines()) == 2


def test_a_fault_of_our_own_is_one_line_with_a_hint(said, small, monkeypatch):
    def broken(path):
        raise RuntimeError("out of order")

    monkeypatch.setattr(explorer, "open_study", broken)
    code, out, err = said("status", small)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "RuntimeError: out of order" in err and "--debug" in err
    code, out, err = said("status", small, "--debug")
    assert code == 1 and "Traceback" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_build_says_so_and_goes_on_later(tmp_path, said, tiny_study, number):
    folder, (code, out, err) = interrupted_build(tmp_path, number)
    assert (code, out) == (130, "")
    assert "run the same command again" in err and "Traceback" not in err
    assert said("build", SUBJECT, "--study", folder, *OPTIONS)[0] == 0
    assert_alike(explorer.open_study(folder).samples, tiny_study.samples)


def interrupted_build(tmp_path, number):
    """Folder of a build that got a signal while it ran, and how it ended; one that was too quick is tried again."""
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        process = child("build", SUBJECT, "--study", folder, *OPTIONS)
        until = time.monotonic() + 60
        while not (folder / "manifest.json").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        ended = finished(process)
        if ended[0] != 0:
            break
    return folder, ended


LIGHT = """
import contextlib, io, json, sys
from explorer.cli.main import main
study, out = sys.argv[1:]
loaded = {}
for words in (["status", study], ["neighbors", study, "3"], ["suspects", study], ["samples", study, "--out", out],
              ["export", study, "--out", out.replace(".csv", ".html")], ["subjects"], ["--help"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        assert main(words) == 0
    loaded[words[0]] = [name for name in ("torch", "umap", "streamlit", "faiss") if name in sys.modules]
print(json.dumps(loaded))
"""


def test_verbs_that_only_read_load_nothing_heavy(tiny_study, tmp_path):
    words = [sys.executable, "-c", LIGHT, str(tiny_study.path), str(tmp_path / "out.csv")]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not any(json.loads(done.stdout).values())


def test_a_sample_without_neighbors_is_said_in_words(said, small):
    from explorer.study.study import Study

    study = Study.open(small)
    indices = np.array(study.array("neighbors/network/indices"))
    indices[5] = -1
    path = small / "neighbors" / "network" / "indices.npy"
    np.save(path, indices)
    from dataclasses import replace

    from explorer.study.checksums import describe

    arrays = {**study.manifest.arrays, "neighbors/network/indices": describe(path)}
    (small / "manifest.json").write_bytes(replace(study.manifest, arrays=arrays).to_json())
    assert said("neighbors", small, 5)[1] == "sample 5 has no neighbors: its gradient is zero or not finite\n"
    assert json.loads(said("neighbors", small, 5, "--json")[1]) == []
