"""Nothing pickled is ever unpickled: each payload would write a marker, and is refused by name instead."""

import ast
import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from safety import payloads
from safety.asking import answers_of, run_command
from safety.mutations import register

from explorer.errors import ExplorerError, StudyError
from explorer.study.decisions import Decisions
from explorer.study.study import Study
from explorer.study.tables import read_table

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORK = """
from torch import nn
def network():
    return nn.Sequential(nn.Linear(2, 2))
"""


@pytest.fixture
def marker(tmp_path):
    """Where a payload would leave its mark; checked when the test is over."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists(), "the payload ran"


def test_the_payloads_do_run_where_somebody_is_careless(tmp_path):
    """Without this the other tests could pass because of a payload that does nothing."""
    mark = tmp_path / "mark"
    payloads.unpickles(payloads.pickled(mark))
    assert mark.exists()
    for number, content in enumerate((payloads.object_array, payloads.object_archive)):
        mark = tmp_path / f"mark-{number}"
        (tmp_path / "file").write_bytes(content(mark))
        found = np.load(tmp_path / "file", allow_pickle=True)
        assert found is not None and (number == 0 or found["x"] is not None)
        assert mark.exists()
    import torch

    for legacy in (False, True):
        mark = tmp_path / f"mark-{legacy}"
        (tmp_path / "file").write_bytes(payloads.torch_file(mark, legacy))
        torch.load(tmp_path / "file", weights_only=False)
        assert mark.exists()


CONTENTS = {
    "pickle": payloads.pickled,
    "objects": payloads.object_array,
    "archive": payloads.object_archive,
    "torch": payloads.torch_file,
    "torch-legacy": lambda marker: payloads.torch_file(marker, legacy=True),
    "parquet": payloads.parquet_of_pickles,
}
OF_A_STUDY = (
    *("features/0000/units.npy", "neighbors/network/indices.npy", "statistics/shift.npy", "previews/sheet-000.png"),
    *("samples.parquet", "projection/projection.safetensors", "neighbors/index.faiss"),
)


@pytest.mark.parametrize("name", OF_A_STUDY)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_no_file_of_a_study_is_unpickled_even_if_the_manifest_fits_it(tiny_folder, marker, name, content):
    """Every question is answered or refused by name, and none runs the payload."""
    (tiny_folder / name).write_bytes(content(marker))
    with pytest.raises(StudyError):
        Study.open(tiny_folder).verify()
    if name.endswith(".npy"):
        return
    register(tiny_folder, tiny_folder / name)
    answers_of(tiny_folder)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.safetensors", "net.pt2", "net.npz"])
def test_weights_are_read_without_unpickling(tmp_path, marker, name, content):
    """Whatever the ending says: one line, exit code 2."""
    (tmp_path / name).write_bytes(content(marker))
    (tmp_path / "net.py").write_text(NETWORK)
    payloads.plain_table(20).to_csv(tmp_path / "table.csv", index=False)
    words = ["--target", "label", "--study", tmp_path / "study"]
    model = ["--model", f"{tmp_path / 'net.py'}:network", "--weights", tmp_path / name]
    model = ["--model", tmp_path / name] if name.endswith(".pt2") else model
    code, out, error = run_command("build", tmp_path / "table.csv", *model, *words)
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", ["data.npz", "data.npy", "data.parquet", "data.csv", "data.png"])
def test_data_and_probes_are_read_without_unpickling(tiny_study, tmp_path, marker, name, content):
    """As data of a study to be built, and as a probe of one that is there."""
    (tmp_path / name).write_bytes(content(marker))
    (tmp_path / "net.py").write_text(NETWORK)
    words = ["--model", f"{tmp_path / 'net.py'}:network", "--target", "label", "--study", tmp_path / "study"]
    for command in (("build", tmp_path / name, *words), ("probe", tiny_study.path, tmp_path / name)):
        code, out, error = run_command(*command)
        assert (code, out, error.count("\n")) == (2, "", 1), error


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", ["labels.parquet", "labels.csv"])
def test_files_of_decisions_are_read_without_unpickling(tiny_folder, tmp_path, marker, name, content):
    (tmp_path / name).write_bytes(content(marker))
    code, out, error = run_command("labels", "import", tiny_folder, tmp_path / name)
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert Decisions.open(Study.open(tiny_folder)).version == 0
    with contextlib.suppress(ExplorerError):
        list(read_table(tmp_path / name)[1])


@pytest.fixture(scope="module")
def nodes():
    """Every piece of syntax of the explorer, with its file."""
    trees = {path: ast.parse(path.read_text()) for path in (REPOSITORY / "explorer").rglob("*.py")}
    return [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]


def test_the_stored_index_is_never_read_back(nodes):
    """Faiss reads an index without checks of its own: a replaced one could do harm, so nothing asks it to.

    Lists beyond memory are merged from parts that the same search has written to a folder of its own, and only there.
    """
    named = [
        (path.relative_to(REPOSITORY).as_posix(), name)
        for path, node in nodes
        for name in [getattr(node, "attr", getattr(node, "id", ""))]
        if name in ("read_index", "deserialize_index", "read_pickle")
    ]
    assert named == [("explorer/similarity/stored_lists.py", "read_index")]


def test_lists_of_a_study_are_no_parts_to_merge(tmp_path):
    """A search beyond memory takes what it wrote itself; others of that name are written over."""
    from explorer.similarity import find_stored_neighbors

    units = np.eye(64, dtype=np.float32)
    for number in range(8):
        (tmp_path / f"shard-{number}.faiss").write_bytes(b"nothing that faiss could read")
    facts = find_stored_neighbors(lambda rows: units[rows], 64, 64, 4, most=0, folder=tmp_path, held=1)[1]
    assert facts["index"] == "ivf-sq8-on-disk"


def test_nothing_in_the_explorer_can_unpickle(nodes):
    """No module that unpickles is imported, only the name of its error; numpy and torch are always told not to."""
    for path, node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = [f"{node.module}.{one.name}" if isinstance(node, ast.ImportFrom) else one.name for one in node.names]
            bad = [one for one in own if one.split(".")[0] in ("pickle", "joblib", "dill", "shelve", "marshal")]
            assert set(bad) <= {"pickle.UnpicklingError"}, path
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            call = (getattr(node.func.value, "id", ""), node.func.attr)
            told = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
            assert call != ("np", "load") or told.get("allow_pickle") is False, path
            assert call != ("torch", "load") or told.get("weights_only") is True, path


def test_a_file_that_came_with_a_study_is_not_run(tiny_folder, marker):
    """A stranger's study that names a Python file inside itself, or by a relative path, is refused unrun."""
    from explorer.pipeline.exact import measured_subject

    code = tiny_folder / "gift.py"
    code.write_text(f"open({str(marker)!r}, 'w')\ndef subject(): ...\n")
    study = Study.open(tiny_folder)
    inside, near = f"{code}:subject", "gift.py:subject"
    around = f"{tiny_folder.parent}/x/../{tiny_folder.name}/gift.py:subject"
    model = f"{tiny_folder}/inputs.npz --model {code}:subject"
    for reference in (inside, near, around, model, f"x.npz --model={code}:subject"):
        study.subject["reference"] = reference
        with pytest.raises(StudyError, match="a stranger's code"):
            measured_subject(study)
    shutil.rmtree(tiny_folder)
