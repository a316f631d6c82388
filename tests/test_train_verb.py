"""The train verb with its options: what is written, what is said, and what is refused before anything is trained."""

import pandas as pd
import pytest
import tiny
from safetensors.torch import load_file

from explorer.cli.main import main
from explorer.subjects.weights import weights_metadata

SUBJECT = f"{tiny.__file__}:subject"


@pytest.fixture
def trained(tmp_path, capsys):
    """Runs the verb into a folder of its own; gives the exit code, what was said, and the path of the weights."""

    def run(*words):
        out = tmp_path / "w.safetensors"
        code = main(["train", SUBJECT, "--out", str(out), "--epochs", "2", "--device", "cpu", *map(str, words)])
        return code, *capsys.readouterr(), out

    return run


@pytest.mark.parametrize("mode", ["reward", "penalise", "contrast"])
def test_a_similarity_is_enforced_and_logged(trained, mode):
    """The log has its column, and the weights say how they were made."""
    code, out, err, path = trained("--enforce", mode, "--weight", "0.5")
    assert code == 0, err
    log = pd.read_parquet(path.with_suffix(".log.parquet"))
    assert log["similarity"].between(-1, 1).all()
    assert "similarity" in out and "similarity" in err
    told = weights_metadata(path)["enforce"]
    assert (told["mode"], told["weight"], told["pairs"]) == (mode, 0.5, "class")


def test_pairs_are_taken_from_a_file(trained, tmp_path):
    """Row numbers of the subject; the weights keep a digest of them."""
    (tmp_path / "pairs.csv").write_text("first,second\n0,3\n1,4\n")
    code, _, err, path = trained("--enforce", "reward", "--pairs", tmp_path / "pairs.csv")
    assert code == 0, err
    assert weights_metadata(path)["enforce"]["pairs"][0] == 2


def test_pairs_of_dropped_samples_are_left_out(trained, tmp_path):
    """With labels of a file, rows are still those of the subject."""
    (tmp_path / "pairs.csv").write_text("first,second\n0,3\n1,4\n")
    labels = tiny.subject().targets
    table = pd.DataFrame({"row": range(60), "label": labels, "keep": [row != 3 for row in range(60)]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    code, _, err, path = trained(
        "--enforce", "reward", "--pairs", tmp_path / "pairs.csv", "--labels", tmp_path / "labels.csv"
    )
    assert code == 0, err
    assert weights_metadata(path)["enforce"]["pairs"][0] == 1


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("15,60", "found row 60, which is none of 60"),
        ("15,50", "found row 50, which is held out"),
        ("1,1000000000", "found row 1000000000, which is none of 60"),
        ("1,100000000000000000", "which is none of 60"),
        ("5,5", "found 5 with itself"),
    ],
)
def test_pairs_of_no_training_sample_are_refused_with_labels_too(trained, tmp_path, pair, told):
    """By the subject's own row numbers, whatever the labels drop, and before memory is taken for them."""
    (tmp_path / "pairs.csv").write_text(f"first,second\n0,4\n{pair}\n")
    table = pd.DataFrame({"row": range(60), "label": tiny.subject().targets, "keep": [row != 3 for row in range(60)]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    options = ("--pairs", tmp_path / "pairs.csv", "--labels", tmp_path / "labels.csv")
    code, _, err, path = trained("--enforce", "reward", *options)
    assert (code, err.count("\n")) == (2, 1) and told in err
    assert not path.exists()


def test_a_fresh_training_begins_with_new_weights(trained, tmp_path):
    """Those of the seed, not the finished ones of the function; the same again for the same seed."""
    code, _, err, path = trained("--fresh", "--snapshots", "0", "--seed", "4")
    assert code == 0, err
    first = load_file(path.with_suffix(".epoch-0000.safetensors"))
    own = tiny.subject().model.state_dict()
    assert all((first[name] != own[name]).all() for name in own)
    assert weights_metadata(path)["fresh"] is True
    whole = path.read_bytes()
    assert trained("--fresh", "--seed", "4")[0] == 0 and path.read_bytes() == whole
    assert trained("--seed", "4")[0] == 0 and path.read_bytes() != whole


def test_misclassification_lists_the_units_that_are_dead(trained):
    """Beside the weights a row a unit; a network without rectifiers is heard at its inner layer."""
    code, out, err, path = trained("--misclassify", "0.3")
    assert code == 0, err
    units = pd.read_parquet(path.with_suffix(".units.parquet"))
    assert units[["layer", "unit"]].to_numpy().tolist() == [["0", number] for number in range(8)]
    assert "dead_units" in out
    assert {"activity", "dead", "activity_0"} <= set(pd.read_parquet(path.with_suffix(".log.parquet")))


@pytest.mark.parametrize(("told", "numbers"), [("0,2", (0, 2)), ("every:1", (0, 1, 2))])
def test_snapshots_lie_beside_the_weights(trained, told, numbers):
    """Each with the epoch it was taken after; the last one is the final network; nothing else is left."""
    code, _, err, path = trained("--snapshots", told)
    assert code == 0, err
    snapshots = [path.with_suffix(f".epoch-{number:04d}.safetensors") for number in numbers]
    beside = [path.with_suffix(".log.parquet"), path, *snapshots]
    assert sorted(path.parent.iterdir()) == sorted(beside)
    assert [weights_metadata(one)["epoch"] for one in snapshots] == list(numbers)
    final, last = load_file(path), load_file(snapshots[-1])
    assert all((final[name] == last[name]).all() for name in final)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--enforce", "praise"), "invalid choice: 'praise'"),
        (("--weight", "2"), "--weight is about what is enforced, expected --enforce"),
        (("--pairs", "class"), "--pairs is about what is enforced, expected --enforce"),
        (("--enforce", "reward", "--weight", "-1"), "must be a number from 0, found -1.0"),
        (("--enforce", "reward", "--pairs", "color"), "--pairs must be class, shift, rotation or a .csv"),
        (("--enforce", "reward", "--pairs", "none.csv"), "found no such file"),
        (("--enforce", "reward", "--pairs", "rotation"), "need pictures"),
        (("--misclassify", "2"), "must be a probability from 0 to 1"),
        (("--snapshots", "1,x"), "--snapshots must be epochs like 0,1,2,5 or every:N"),
        (("--snapshots", "every:0"), "at least 1, found 0"),
        (("--snapshots", "7"), "a snapshot after epoch 7 was asked for"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(trained, words, told):
    """Exit code 2, and nothing is written."""
    code, out, err, path = trained(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not list(path.parent.iterdir())
