"""Exported programs: they answer as the network that was exported, and what could run code in them is refused."""

import json
import pickle
import shutil
import zipfile

import pytest
import torch
from subjects.test_malice import Payload
from torch import nn
from torch.export import Dim

import explorer
from explorer.errors import SubjectError
from explorer.subjects import Subject
from explorer.subjects.exported import load_exported

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def network():
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 3)
    return nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def program(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    shapes = ({0: Dim("batch", min=1)},)
    torch.export.save(torch.export.export(network, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=shapes), path)
    return path


def test_it_answers_as_the_network(network, program):
    """For batches of any size, and with the same weights by name."""
    inputs = torch.randn(5, 1, 8, 8)
    loaded = load_exported(program)
    for count in (1, 5):
        torch.testing.assert_close(loaded(inputs[:count]), network(inputs[:count]))
    own = {name.removeprefix("program."): value for name, value in loaded.named_parameters()}
    assert all(torch.equal(value, own[name]) for name, value in network.named_parameters())


def test_it_is_measured_as_the_network(network, program, tmp_path):
    """Similarities from the program are those of the network."""
    inputs = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for number, model in enumerate((network, load_exported(program))):
        subject = Subject(name="mine", model=model, dataset=inputs, labels=[0, 1, 2] * 4)
        subject.check()
        study = explorer.build(subject, tmp_path / str(number), settings=explorer.Settings(dim=64, neighbors=3))
        found.append(torch.from_numpy(study.exact_similarity(range(12), range(12))))
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=0)


@pytest.fixture
def changed(program, tmp_path):
    """A copy of the program with one member changed by a function of its content."""

    def change(member, make, compression=zipfile.ZIP_STORED):
        path = tmp_path / "changed.pt2"
        with zipfile.ZipFile(program) as archive, zipfile.ZipFile(path, "w", compression) as copy:
            for name in archive.namelist():
                content = archive.read(name)
                copy.writestr(name, make(content) if name.endswith(member) else content)
        return path

    return change


def edited(edit):
    """A change of a JSON member."""

    def make(content):
        told = json.loads(content)
        edit(told)
        return json.dumps(told).encode()

    return make


def graph_of(told):
    return told["graph_module"]["graph"]


def set_target(target):
    return edited(lambda told: graph_of(told)["nodes"][0].update(target=target))


def test_pickled_example_inputs_are_not_read(changed, tmp_path, network):
    """Torch would unpickle them; the network needs none."""
    mark = tmp_path / "mark"
    path = changed("sample_inputs/model.pt", lambda content: pickle.dumps(Payload(mark)))
    inputs = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(load_exported(path)(inputs), network(inputs))
    assert not mark.exists()


@pytest.mark.parametrize("target", [
    "torch.serialization.os.mkdir", "torch.load", "torch.hub.load", "torch.ops.aten.from_file.default",
    "torch.ops.aten.save.default",
    "math.__loader__",
    "torch.ops.higher_order.cond", "torch.ops.aten.add.__class__", "torch.ops.aten.__init__.__globals__", "#custom",
    "_operator.attrgetter", "_operator.methodcaller", "torch.ops.aten.no_such.default", "builtins.exec",
])  # fmt: skip
def test_only_plain_operators_are_called(changed, target):
    """Not functions of torch, not attributes of attributes, not what reads files."""
    with pytest.raises(SubjectError, match="plain operators"):
        load_exported(changed("models/model.json", set_target(target)))


def test_texts_of_sizes_are_not_evaluated(changed, tmp_path):
    """Sympy would run them."""
    mark = tmp_path / "mark"
    code = f"__import__('os').mkdir('{mark}')"
    for text in (code, f"Symbol('s0') + {code}", "Symbol(__import__('os'))", "9**9**9**9", "[x for x in ()]"):

        def edit(told, text=text):
            for meta in graph_of(told)["tensor_values"].values():
                meta["sizes"][:1] = [{"as_expr": {"expr_str": text, "hint": {"as_int": 2}}}]

        with pytest.raises(SubjectError, match="plain operators"):
            load_exported(changed("models/model.json", edited(edit)))
        assert not mark.exists()


def test_names_and_guards_are_not_written_into_code(changed, tmp_path, network):
    """Names that are no names are refused; guards are left out."""
    mark = tmp_path / "mark"
    code = f"x): __import__('os').mkdir('{mark}') #"
    edits = (
        lambda told: graph_of(told)["inputs"][-1]["as_tensor"].update(name=code),
        lambda told: told["graph_module"]["module_call_graph"][0]["signature"].update(forward_arg_names=[code]),
        lambda told: graph_of(told)["nodes"][0].update(name=code),
        lambda told: graph_of(told)["nodes"][0]["inputs"].append(
            {"name": "x", "arg": {"as_operator": "torch.load"}, "kind": 1}
        ),
    )
    for edit in edits:
        with pytest.raises(SubjectError, match="plain operators"):
            load_exported(changed("models/model.json", edited(edit)))
    guarded = changed("models/model.json", edited(lambda told: told.update(guards_code=[code])))
    inputs = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(load_exported(guarded)(inputs), network(inputs))
    assert not mark.exists()


def test_pickled_weights_are_refused(changed, tmp_path):
    """Also under the name of a plain one, and ones that say they are larger than the file."""
    mark = tmp_path / "mark"

    def first(**changes):
        return edited(lambda told: next(iter(told["config"].values())).update(changes))

    for change in (
        first(use_pickle=True),
        first(path_name="custom_obj_0"),
        first(path_name="../../x"),
        first(tensor_meta=None),
    ):
        with pytest.raises(SubjectError, match="pickled object"):
            load_exported(changed("model_weights_config.json", change))

    def enlarge(told):
        next(iter(told["config"].values()))["tensor_meta"].update(sizes=[{"as_int": 2**40}], strides=[{"as_int": 0}])

    with pytest.raises(SubjectError, match="as large as itself"):
        load_exported(changed("model_weights_config.json", edited(enlarge)))
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"hello", pickle.dumps({})])
def test_what_is_no_program_is_told(tmp_path, content):
    """One sentence."""
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match="exported program"):
        load_exported(path)


def test_a_compressed_program_is_refused(changed):
    """Torch does not compress; a bomb does."""
    with pytest.raises(SubjectError, match="another kind of archive"):
        load_exported(changed("nothing", bytes, zipfile.ZIP_DEFLATED))


def test_a_program_cut_short_is_told(program, tmp_path):
    """At any place."""
    for keep in (100, 3000, program.stat().st_size - 30):
        path = tmp_path / "cut.pt2"
        shutil.copy(program, path)
        with open(path, "r+b") as file:
            file.truncate(keep)
        with pytest.raises(SubjectError, match="exported program"):
            load_exported(path)
