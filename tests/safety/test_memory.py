"""Memory that does not suffice: the batch halves itself, says so, and the results are those of the smaller batch."""

import io
from dataclasses import replace

import pytest
import tiny
import torch
from folders import bytes_of

from explorer.errors import EngineError
from explorer.features.memory import in_smaller_batches, is_out_of_memory
from explorer.pipeline.build import build
from explorer.pipeline.progress import ProgressPrinter

ERRORS = {
    "machine": MemoryError(),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried"),
    "windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
}


def subject_that_fits(most, error):
    """The tiny subject on a machine that can differentiate so many samples at once and no more."""

    def outputs(model, inputs):
        if torch.is_grad_enabled() and len(inputs) > most:
            raise error
        return model(inputs)

    return replace(tiny.subject(), outputs=outputs)


@pytest.fixture(scope="module")
def by_fours(tmp_path_factory):
    """What a study with four samples in a batch is made of; its outputs function differs in nothing that matters."""
    folder = tmp_path_factory.mktemp("fours") / "study"
    settings = replace(tiny.SETTINGS, batch_size=4, exact_density=True)
    build(subject_that_fits(100, MemoryError()), folder, settings=settings)
    return arrays_of(folder)


def arrays_of(folder):
    return {name: digest for name, digest in bytes_of(folder).items() if name != "manifest.json"}


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_build_that_runs_out_of_memory_ends_as_one_with_smaller_batches(tmp_path, by_fours, batch_size):
    """Bit by bit; every halving is one line of progress that says what happened and how it goes on."""
    said = io.StringIO()
    settings = replace(tiny.SETTINGS, exact_density=True, batch_size=batch_size)
    subject = subject_that_fits(6, ERRORS["cpu"])
    build(subject, tmp_path / "study", settings=settings, progress=ProgressPrinter(said))
    assert arrays_of(tmp_path / "study") == by_fours
    lines = [line for line in said.getvalue().splitlines() if "memory did not suffice" in line]
    assert lines and all("going on with" in line and "can't allocate memory" in line for line in lines)
    features = [line for line in lines if "features" in line]
    assert [int(line.split()[-4]) for line in features] == [8, 4], "found once, and kept for the shards that follow"


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_every_way_to_say_that_memory_is_full_halves_the_batch(error):
    tried, said = [], []

    def action(size):
        tried.append(size)
        if size is None or size > 3:
            raise error
        return size

    assert in_smaller_batches(action, None, 100, said.append) == 3
    assert tried == [None, 50, 25, 12, 6, 3]
    assert len(said) == 5


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("x"), KeyError()]
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        in_smaller_batches(lambda size: (_ for _ in ()).throw(error), None, 8, lambda line: None)


def test_memory_that_does_not_suffice_for_one_sample_is_one_sentence(tmp_path):
    """Named, with what to do; previews are kept for the next try."""
    with pytest.raises(EngineError, match="one sample at a time.*--device cpu"):
        build(subject_after_check(ERRORS["cuda"]), tmp_path / "study", settings=tiny.SETTINGS)
    assert (tmp_path / "study" / "previews").is_dir()


def subject_after_check(error):
    """A subject whose network can be differentiated once, which is when it is checked, and never again."""
    asked = []

    def outputs(model, inputs):
        if torch.is_grad_enabled():
            asked.append(len(inputs))
            if len(asked) > 1:
                raise error
        return model(inputs)

    return replace(tiny.subject(), outputs=outputs)
