"""Laws of probes: a sample's input is seen as that sample, a new one as full gradients see it, and nothing stays."""

import json
from dataclasses import replace

import numpy as np
import oracles
import probed
import pytest
import tiny
import torch
from folders import bytes_of
from hypothesis import HealthCheck, given, settings, strategies

import explorer
from explorer.errors import EngineError, ExplorerError, ShapeError, StepMissing, StudyError, StudyMismatch, SubjectError
from explorer.pipeline import blocks
from explorer.pipeline import probe as probe_module
from explorer.pipeline.features import stored_projection
from explorer.pipeline.nearest import UNLIKE, UNUSUAL, Usual
from explorer.pipeline.probe import _Prober, inputs_of_file, own_inputs
from explorer.study.study import Study

ROWS = (0, 17, 47)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Builds a study of one of the small subjects when it is first asked for, loaded as a visitor's file."""
    place, built = tmp_path_factory.mktemp("probed"), {}

    def study(kind, **changes):
        name = "-".join([kind, *changes.values()])
        if name not in built:
            subject = explorer.load_subject(f"{probed.__file__}:{kind}")
            wanted = replace(probed.SETTINGS, **changes)
            built[name] = explorer.open_study(explorer.build(subject, place / name, settings=wanted).path)
        return built[name]

    return study


@pytest.fixture
def unrecognized(monkeypatch):
    """Every input counts as new, also one that a sample has."""
    monkeypatch.setattr(_Prober, "_same_rows", lambda self, inputs, outputs: np.full(len(inputs), -1))


@pytest.mark.parametrize("kind", probed.KINDS)
def test_the_input_of_a_sample_is_seen_as_that_sample(studies, kind):
    """It stands first with similarity 1; what follows, and every number, is what the study says of the sample."""
    study = studies(kind)
    for row, found in zip(ROWS, explorer.probe(study, own_inputs(study, ROWS), k=6), strict=True):
        assert found.same_as == row
        assert (found.neighbors.indices[0], found.neighbors.similarities[0]) == (row, 1)
        assert found.neighbors.indices[1:].tolist() == study.neighbors(row, 5).indices.tolist()
        assert found.neighbors.similarities[1:] == pytest.approx(study.neighbors(row, 5).similarities, abs=1e-5)
        told = study.samples.iloc[row]
        assert found.soft_density == pytest.approx(told["soft_density"], rel=1e-5)
        assert found.captured_energy == pytest.approx(told["captured_energy"], abs=1e-5)
        values = [told[name] for name in study.columns_of("prediction")]
        assert np.atleast_1d(found.prediction) == pytest.approx(values, abs=1e-5)
        assert found.confidence == (pytest.approx(told["confidence"], abs=1e-5) if "confidence" in told else None)
        assert np.array_equal(found.picture, study.thumbnail(row))


@pytest.mark.parametrize("kind", probed.KINDS)
def test_an_input_that_counts_as_new_has_the_features_of_its_twin(studies, kind, unrecognized):
    """Through the stored projection it comes out as the sample did: its count is the sample's, and what is seen of it.

    The sample's own count holds 1 for itself; the new one counts 1 for itself and the seen share of its twin.
    """
    study = studies(kind)
    for row, found in zip(ROWS, explorer.probe(study, own_inputs(study, ROWS)), strict=True):
        told = study.samples.iloc[row]
        assert found.same_as is None
        assert found.captured_energy == pytest.approx(told["captured_energy"], abs=1e-5)
        assert found.soft_density == pytest.approx(told["soft_density"] + told["captured_energy"], rel=1e-5)


@pytest.mark.parametrize("mode", ["predicted", "contrast", "adversary"])
def test_a_sample_is_measured_by_its_own_label_where_labels_matter(studies, mode):
    """Also where its label is wrong, and where the other class was drawn for it."""
    study = studies("pictures", outputs=mode)
    found = explorer.probe(study, own_inputs(study, range(15)), k=4)
    for row, one in enumerate(found):
        assert one.neighbors.indices.tolist() == [row, *study.neighbors(row, 3).indices.tolist()]
        assert one.soft_density == pytest.approx(study.samples["soft_density"][row], rel=1e-5)


def test_a_label_that_is_given_stands_in_place_of_the_prediction(studies, unrecognized):
    """A new input with the label of its twin has the twin's features; without, those of the predicted class."""
    study = studies("pictures", outputs="contrast")
    labels = study.samples["label"].to_numpy()
    wrong = np.flatnonzero(labels != study.samples["prediction"])[:3]
    inputs = own_inputs(study, wrong)
    alone = [one.neighbors.similarities[0] for one in explorer.probe(study, inputs, k=1, exact=True)]
    labeled = explorer.probe(study, inputs, k=1, exact=True, labels=labels[wrong])
    assert [one.neighbors.indices[0] for one in labeled] == wrong.tolist()
    assert [one.neighbors.similarities[0] for one in labeled] == pytest.approx([1, 1, 1], abs=1e-5)
    assert (np.array(alone) < 0.9999).all()


@pytest.mark.parametrize("kind", ["pictures", "line", "pair"])
def test_exact_similarities_of_a_new_input_are_those_of_one_backward_pass_an_output(studies, kind):
    """Against dense matrices of gradients, one by one."""
    study, subject = studies(kind), getattr(probed, kind)()
    inputs = torch.from_numpy(probed.unlike_all(subject))
    found = explorer.probe(study, inputs, k=study.n, exact=True)
    every = torch.cat([inputs, subject.dataset]).double()
    gradients = oracles.exact_jacobians(subject.model.double(), every).numpy()
    truth = oracles.similarity(gradients[: len(inputs)], gradients[len(inputs) :])
    for one, expected in zip(found, truth, strict=True):
        assert one.is_exact and one.same_as is None
        assert one.neighbors.similarities == pytest.approx(expected[one.neighbors.indices], abs=1e-4)
        assert (np.diff(one.neighbors.similarities) <= 0).all()


def test_features_that_see_everything_agree_with_full_gradients(tiny_study):
    """The tiny network has fewer directions than are kept: neighbors and counts by features are the exact ones."""
    inputs = own_inputs(explorer.open_study(tiny_study.path), range(4)) + np.float32(0.3)
    study = explorer.build(tiny.subject(), tiny_study.path)
    stored, exact = (explorer.probe(study, inputs, k=60, exact=exact) for exact in (False, True))
    for one, other in zip(stored, exact, strict=True):
        order = np.argsort(one.neighbors.indices), np.argsort(other.neighbors.indices)
        pairs = [each.neighbors.similarities[places] for each, places in zip((one, other), order, strict=True)]
        errors = np.abs(pairs[0] - pairs[1])
        assert errors.max() <= 2 * np.sqrt(max(1e-6, 1 - one.captured_energy))
        assert one.soft_density == pytest.approx(1 + other.neighbors.similarities.sum(), rel=0.05)


def test_the_answer_does_not_depend_on_how_inputs_and_samples_are_cut(studies, monkeypatch):
    """In blocks of seven samples and two inputs at a time: the same neighbors and counts."""
    study = studies("pair")
    inputs = np.concatenate([own_inputs(study, ROWS), probed.unlike_all(probed.pair())])
    whole = explorer.probe(study, inputs, k=20)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)
    monkeypatch.setattr(probe_module, "PROBED", 2)
    for one, other in zip(whole, explorer.probe(study, inputs, k=20), strict=True):
        assert one.neighbors.indices.tolist() == other.neighbors.indices.tolist()
        assert one.neighbors.similarities == pytest.approx(other.neighbors.similarities, abs=1e-6)
        assert one.soft_density == pytest.approx(other.soft_density, rel=1e-6)
        assert one.same_as == other.same_as


def test_counts_are_placed_among_counts_of_their_own_kind(studies, tmp_path):
    """Where the table holds counts over full gradients, those over features are summed up again for comparing."""
    study = studies("line")
    subject = explorer.load_subject(f"{probed.__file__}:line")
    exact = explorer.build(subject, tmp_path / "exact", settings=replace(probed.SETTINGS, exact_density=True))
    counts = Usual.of(exact, stored_projection(exact)).counts
    assert counts == pytest.approx(np.sort(study.samples["soft_density"]), rel=1e-5)
    assert counts != pytest.approx(np.sort(exact.samples["soft_density"]), rel=1e-5)


def test_fifty_samples_cannot_tell_one_in_a_hundred():
    """The lowest of all is unusual at most."""
    assert Usual(np.arange(3.0), np.linspace(0.5, 0.9, 50)).places(1.0, 0.1)["familiarity"] == "unusual"


def test_few_samples_like_the_others_are_called_unlike():
    """Of samples of one kind, whatever their distribution, at most 1 % come out as unlike and 5 % as unusual."""
    generator = np.random.default_rng(0)
    told = []
    for _ in range(4000):
        energies = 1 - generator.pareto(3, 121)
        told.append(Usual(np.arange(3.0), np.sort(energies[1:])).places(1.0, energies[0])["familiarity"])
    assert told.count("unlike") / 4000 <= UNLIKE + 3 * (UNLIKE / 4000) ** 0.5
    assert (told.count("unlike") + told.count("unusual")) / 4000 <= UNUSUAL + 3 * (UNUSUAL / 4000) ** 0.5
    assert told.count("unlike") > 0


def test_an_energy_tells_nothing_where_all_is_seen():
    """Of a network smaller than the features, every gradient is seen whole."""
    assert Usual(np.arange(3.0), np.ones(100)).places(1.0, 0.98)["familiarity"] == "untold"


def test_percentiles_count_the_smaller_ones():
    """Ties are not smaller."""
    usual = Usual(np.array([1.0, 2.0, 2.0, 3.0]), np.linspace(0.5, 0.9, 40))
    assert [usual.places(value, 0.7)["soft_density_percentile"] for value in (0, 2, 2.5, 9)] == [0, 25, 75, 100]


def test_an_input_without_a_gradient_has_no_neighbors_and_no_count(studies):
    """Not a number goes in, nothing comes out, and the inputs beside it are as they were."""
    study = studies("line")
    inputs = own_inputs(study, [3, 4])
    inputs[0, 1] = np.nan
    lost, found = explorer.probe(study, inputs, k=3)
    assert lost.neighbors.indices.tolist() == [-1, -1, -1] and np.isnan(lost.neighbors.similarities).all()
    assert np.isnan([lost.soft_density, lost.captured_energy, lost.soft_density_percentile]).all()
    assert found.same_as == 4


def test_probing_leaves_the_study_and_the_network_as_they_were(studies):
    """No file of the study changes, and a network in training mode stays in it."""
    study = studies("pictures")
    subject = explorer.load_subject(study.subject["reference"])
    subject.model.train()
    before = bytes_of(study.path)
    explorer.probe(study, subject.inputs([1]), subject=subject, exact=True)
    assert subject.model.training and bytes_of(study.path) == before


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (np.zeros((2, 5), np.float32), r"\[m, 4\] like those of line, found \[2, 5\]"),
        (np.zeros(4, np.float32), r"inputs\[None\]"),
        (np.zeros((0, 4), np.float32), "found"),
        (1.0, "found"),
        (np.zeros((1, 4), complex), "complex"),
        ([["a", "b", "c", "d"]], "array of numbers"),
        ([[1, 2], [3]], "array of numbers"),
    ],
)
def test_inputs_of_another_form_are_one_sentence(studies, inputs, told):
    with pytest.raises(ShapeError, match=told):
        explorer.probe(studies("line"), inputs)


def test_tokens_are_whole_and_known(studies):
    """Fractions are no tokens; a token that the network does not have is told as its own error."""
    study = studies("tokens")
    with pytest.raises(ShapeError, match="whole numbers"):
        explorer.probe(study, np.full((1, 5), 0.5))
    with pytest.raises(EngineError, match="could not be run on these inputs"):
        explorer.probe(study, np.full((1, 5), 10**6))


class Careful(torch.nn.Linear):
    """A network with its own word about inputs that are too large."""

    def forward(self, inputs):
        if inputs.abs().max() > 10:
            raise AssertionError("too large")
        return super().forward(inputs)


def test_an_input_that_the_network_itself_refuses_is_told(tmp_path):
    """Whatever it raises about an input, it is no fault of the explorer."""
    inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    subject = explorer.Subject(name="careful", model=Careful(3, 2), dataset=inputs, labels=[0, 1] * 6)
    study = explorer.build(subject, tmp_path / "study", settings=explorer.Settings(dim=8, neighbors=3))
    with pytest.raises(EngineError, match=r"could not be run on these inputs \(AssertionError: too large\)"):
        explorer.probe(study, np.full((1, 3), 100.0), subject=subject)


def test_what_cannot_be_asked_is_refused_before_anything_is_loaded(studies, tiny_folder, made_up, monkeypatch):
    """No neighbor, an unfinished study, a subject made in Python, another subject, labels for other inputs."""
    study, inputs = studies("line"), np.zeros((1, 4), np.float32)
    with pytest.raises(ShapeError, match="k must be at least 1, found 0"):
        explorer.probe(study, inputs, k=0)
    with pytest.raises(ShapeError, match="labels must be one an input, 1, found 2"):
        explorer.probe(study, inputs, labels=[0, 1])
    with pytest.raises(StudyMismatch, match="made of another version"):
        explorer.probe(study, inputs, subject=probed.pair())
    with pytest.raises(StudyError, match="built from a Subject made in Python"):
        explorer.probe(explorer.open_study(made_up), inputs)
    manifest = Study.open(tiny_folder).manifest.without_step("samples")
    monkeypatch.setattr(probe_module, "measured_subject", lambda study: pytest.fail("the network was loaded"))
    with pytest.raises(StepMissing):
        explorer.probe(Study(tiny_folder, manifest), inputs)


def test_the_verb_tells_each_input_of_each_file(studies, said, tmp_path):
    """Rows of two files, in their order, as JSON and as text."""
    study = studies("line")
    np.save(tmp_path / "one.npy", own_inputs(study, [5]))
    names = ",".join(study.subject["feature_names"])
    np.savetxt(tmp_path / "two.csv", own_inputs(study, [7, 9]), delimiter=",", header=names, comments="", fmt="%.9g")
    files = [tmp_path / "one.npy", tmp_path / "two.csv"]
    code, out, err = said("probe", study.path, *files, "-k", 3, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert [(one["file"], one["row_in_file"]) for one in told] == [
        (str(files[0]), 0),
        (str(files[1]), 0),
        (str(files[1]), 1),
    ]
    assert [one["same_as"] for one in told] == [5, 7, 9]
    assert [one["neighbors"][0]["row"] for one in told] == [5, 7, 9]
    assert all(len(one["neighbors"]) == 3 and "target" in one["neighbors"][0] for one in told)
    code, out, err = said("probe", study.path, *files, "-k", 3)
    assert (code, err) == (0, "")
    assert out.count("soft count") == 3 and "two.csv row 1" in out and "sample 9: the same input" in out


def test_a_class_is_told_by_its_name(studies, said, tmp_path):
    study = studies("pictures")
    np.save(tmp_path / "one.npy", own_inputs(study, [5])[0])
    _, out, _ = said("probe", study.path, tmp_path / "one.npy", "--exact")
    prediction = int(study.samples["prediction"][5])
    assert f"{study.class_names[prediction]} (confidence" in out


def test_files_that_are_no_inputs_are_one_sentence(studies, said, tmp_path):
    """Exit code 2, nothing printed, and the file is named; objects in an array are never unpickled."""
    study = studies("line")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object))
    np.save(tmp_path / "wide.npy", np.zeros((2, 9), np.float32))
    for name in ("notes.txt", "broken.npy", "objects.npy", "wide.npy", "missing.npy"):
        code, out, err = said("probe", study.path, tmp_path / name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert name in err


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kind=strategies.sampled_from(["pictures", "line", "tokens"]),
    suffix=strategies.sampled_from([".png", ".jpg", ".npy", ".npz", ".csv", ".tsv", ".parquet", ".gif", ".pkl", ""]),
    head=strategies.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00v\x00", b"PK\x03\x04", b"GIF89a", b"a,b\n"]
    ),
    rest=strategies.binary(max_size=300),
)
def test_whatever_a_file_holds_it_is_inputs_or_a_sentence(studies, tmp_path, kind, suffix, head, rest):
    """Random bytes behind all sorts of heads: never another error than one that is meant for people."""
    path = tmp_path / f"file{suffix}"
    path.write_bytes(head + rest)
    try:
        found = inputs_of_file(studies(kind), path)
    except ExplorerError as error:
        assert "file" in str(error)
    else:
        assert found.shape[1:] == own_inputs(studies(kind), [0]).shape[1:]


def test_a_reader_of_the_subject_that_fails_is_a_sentence(studies, tmp_path, monkeypatch):
    """Code of the user's own may raise anything."""
    study = studies("line")
    subject = replace(explorer.load_subject(study.subject["reference"]), read=lambda path: 1 / 0)
    monkeypatch.setattr(probe_module, "measured_subject", lambda study: subject)
    (tmp_path / "x.txt").touch()
    with pytest.raises(SubjectError, match="x.txt.*ZeroDivisionError"):
        inputs_of_file(study, tmp_path / "x.txt")


def test_a_file_is_read_as_the_subject_reads_its_own(studies, tmp_path):
    """What is saved of a sample comes back as its input."""
    study = studies("tokens")
    np.save(tmp_path / "tokens.npy", own_inputs(study, [2, 3]))
    assert np.array_equal(inputs_of_file(study, tmp_path / "tokens.npy"), own_inputs(study, [2, 3]))
