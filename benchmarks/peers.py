"""Gradient features beside those of other packages: speed against one floor, fidelity against one truth.

    python -m venv peers && peers/bin/pip install -r benchmarks/requirements-peers.txt   (see the notes in that file)
    peers/bin/python -m benchmarks.peers                       the bundled MNIST network
    peers/bin/python -m benchmarks.peers --network resnet20    trained on Fashion-MNIST, see networks.py

Everybody differentiates the same output of the same network, the largest logit, with respect to all parameters, for
the same samples, none of which played a part in our calibration; random projections have 512 dims. The floor is one
ordinary batched forward and backward pass with gradients for all parameters. Times are CPU seconds of this process
with one thread, the best of several, floor and method taking turns. What a method prepares once (our calibration, a
stored random matrix) is not timed. Floor and peers get the fastest of several batch sizes, the documented one among
them; we choose our own. A peer's similarity is the cosine of its features. One that is not installed has a row that
says so.
"""

import argparse
import copy
import importlib.util
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from benchmarks.networks import CACHE, DATA, NETWORKS, trained_subject
from explorer.features import Measurer, calibrate, exact_similarity
from explorer.features.fidelity import compared
from explorer.records import Settings
from explorer.subjects import Subject, load_subject

DIM = 512
FLOOR_BATCHES = (64, 128, 256)
BATCHES = (128, 512)
"""Batch sizes that every method with batches is tried with; 128 is the one of TRAK's quickstart."""
PACKAGES = {"trak": "traker", "dattri": "dattri", "alibi": "alibi"}
"""What is imported, and the name under which it is installed."""
DEFAULT = Settings(outputs="predicted", dim=DIM)
ACCURATE = Settings(outputs="predicted", dim=DIM, coordinates=4096)


@dataclass(frozen=True)
class Case:
    """What all methods measure."""

    model: nn.Module
    """In evaluation mode, a copy that our own engine never touches."""
    inputs: Tensor
    """[m, ...]"""

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(one.numel() for one in self.model.parameters())


Task = Callable[[], np.ndarray]
"""Measures all samples of a case: [m, d] features."""


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="mnist", choices=["mnist", *NETWORKS])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # one package writes a line for every projector it makes
    is_bundled = chosen.network == "mnist"
    subject = load_subject("mnist") if is_bundled else trained_subject(chosen.network, chosen.data, cache=chosen.cache)
    model = copy.deepcopy(subject.model).eval()
    projections = {settings: calibrate(subject, settings) for settings in (DEFAULT, ACCURATE)}
    used = np.concatenate([projection.rows for projection in projections.values()])
    fresh = np.setdiff1d(np.arange(len(subject)), used)
    rows = np.sort(np.random.default_rng(0).permutation(fresh)[: chosen.rows])
    truth = exact_similarity(subject, projections[DEFAULT], rows, rows, DEFAULT)
    case = Case(model, subject.inputs(rows))
    print(f"{subject.name}, {case.parameters:,} parameters, {len(rows)} samples, one thread, torch {torch.__version__}")
    missing = {package for package in PACKAGES if importlib.util.find_spec(package) is None}
    print(", ".join(f"{name} {version(name)}" for package, name in PACKAGES.items() if package not in missing))
    print(f"{'method':<44}{'÷ floor':>9}{'batch':>7}{'rmse':>9}{'recall':>8}{'N_S':>9}")
    for settings, name in ((DEFAULT, "ours, default"), (ACCURATE, "ours, 4096 coordinates")):
        task = our_task(subject, projections[settings], settings, rows)
        print(row_of(name, case, {None: task}, truth, chosen.repeats), flush=True)
    for name, package, maker, batches in METHODS:
        if package in missing:
            print(f"{name:<44}   not installed", flush=True)
            continue
        tasks = {batch: maker(case, batch) for batch in batches}
        print(row_of(name, case, tasks, truth, chosen.repeats), flush=True)


def row_of(name: str, case: Case, tasks: dict[int | None, Task], truth: np.ndarray, repeats: int) -> str:
    """One line: speed against the floor with the fastest batch size, and fidelity."""
    floors = [partial(floor_of, case, batch) for batch in FLOOR_BATCHES]
    place, speed, features = fastest(list(tasks.values()), floors, repeats)
    approximate = similarities(features, is_unit=name.startswith("ours"))
    found = compared(approximate, truth)
    counts = stats.spearmanr(approximate.sum(1), truth.sum(1)).statistic
    batch = list(tasks)[place]
    return (
        f"{name:<44}{speed:>9.3f}{'' if batch is None else batch:>7}{found['rmse']:>9.4f}"
        f"{found['recall_at_10']:>8.3f}{counts:>9.5f}"
    )


def fastest(tasks: list[Task], floors: list[Callable], repeats: int) -> tuple[int, float, np.ndarray]:
    """The fastest task: its place, its speed as a multiple of the fastest floor's, and its result.

    Every task runs once; the fastest of these runs `repeats` times more, in turns with the floors.
    """
    place = int(np.argmin([seconds_of(task)[0] for task in tasks]))
    floor, best = np.inf, np.inf
    for _ in range(repeats):
        floor = min(floor, *(seconds_of(one)[0] for one in floors))
        seconds, features = seconds_of(tasks[place])
        best = min(best, seconds)
    return place, floor / best, features


def seconds_of(task: Callable) -> tuple[float, np.ndarray]:
    """CPU seconds of this process, and the result."""
    started = time.process_time()
    result = task()
    return time.process_time() - started, result


def similarities(features: np.ndarray, *, is_unit: bool) -> np.ndarray:
    """[m, m] inner products of features, of their directions unless they were normalized already."""
    units = features if is_unit else features / np.linalg.norm(features, axis=1, keepdims=True)
    found = units @ units.T
    np.fill_diagonal(found, 1.0)
    return found


def floor_of(case: Case, batch: int) -> None:
    """One ordinary forward and backward pass over all samples, with gradients for all parameters."""
    for part in case.inputs.split(batch):
        case.model.zero_grad(set_to_none=True)
        case.model(part).max(1).values.sum().backward()


def our_task(subject: Subject, projection, settings: Settings, rows: np.ndarray) -> Task:
    """All that a build keeps of a sample, exact norms included."""
    measurer = Measurer(subject, projection, settings)
    return lambda: measurer.measure(rows).units


def loop_task(case: Case, batch: int) -> Task:
    """One sample at a time by plain autograd, nothing projected."""
    parameters = list(case.model.parameters())

    def task() -> np.ndarray:
        kept = torch.empty(len(case.inputs), case.parameters)
        for row, part in enumerate(case.inputs.split(batch)):
            torch.cat([one.flatten() for one in torch.autograd.grad(case.model(part).max(), parameters)], out=kept[row])
        return kept.numpy()

    return task


def vmap_task(case: Case, batch: int, *, is_projected: bool) -> Task:
    """torch.func, with nothing projected or by one dense random matrix that is kept in memory."""
    weights = {name: value.detach() for name, value in case.model.named_parameters()}
    each = vmap(grad(lambda weights, one: functional_call(case.model, weights, one[None]).max()), in_dims=(None, 0))
    width = DIM if is_projected else 0
    matrix = torch.randn(case.parameters, width, generator=torch.Generator().manual_seed(0))

    def gradients(part: Tensor) -> Tensor:
        whole = torch.cat([one.flatten(1) for one in each(weights, part).values()], dim=1)  # [b, q]
        return whole @ matrix if is_projected else whole

    return lambda: torch.cat([gradients(part) for part in case.inputs.split(batch)]).numpy()


def trak_task(case: Case, batch: int) -> Task:
    """TRAKer.featurize as in its quickstart, with the largest logit as model output; float32, since on a CPU."""
    from trak import TRAKer
    from trak.modelout_functions import AbstractModelOutput

    class LargestLogit(AbstractModelOutput):
        def __init__(self) -> None:
            """Nothing to keep; the package asks for it."""

        @staticmethod
        def get_output(model, weights, buffers, image, label) -> Tensor:
            return functional_call(model, (weights, buffers), image[None]).max()

        def get_out_to_loss_grad(self, model, weights, buffers, batch) -> Tensor:
            return torch.ones(len(batch[0]), 1)

    folder = tempfile.TemporaryDirectory(prefix="trak-")
    model = copy.deepcopy(case.model)
    traker = TRAKer(
        model=model,
        task=LargestLogit(),
        train_set_size=len(case.inputs),
        save_dir=folder.name,
        device="cpu",
        proj_dim=DIM,
        use_half_precision=False,
    )
    traker.load_checkpoint(model.state_dict(), model_id=0)

    def task(keep=folder) -> np.ndarray:  # the folder lives as long as the task
        store = traker.saver.current_store
        store["is_featurized"][:] = 0
        for rows in torch.arange(len(case.inputs)).split(batch):
            traker.featurize((case.inputs[rows], torch.zeros(len(rows), dtype=torch.int64)), inds=rows.numpy())
        return np.array(store["grads"])

    return task


def dattri_task(case: Case, batch: int) -> Task:
    """The loop of dattri's TRAKAttributor: AttributionTask's gradients and random_project, without the inverse."""
    from dattri.algorithm.trak import DEFAULT_PROJECTOR_KWARGS
    from dattri.func.projection import random_project
    from dattri.task import AttributionTask

    model = copy.deepcopy(case.model)

    def largest(parameters, data) -> Tensor:
        return functional_call(model, parameters, data[0][None]).max()

    attribution = AttributionTask(loss_func=largest, model=model, checkpoints=model.state_dict())
    gradients = attribution.get_grad_target_func(in_dims=(None, 0))
    weights, _ = attribution.get_param(ckpt_idx=0)
    settings = {**DEFAULT_PROJECTOR_KWARGS, "proj_dim": DIM}

    def task() -> np.ndarray:
        kept = []
        for part in case.inputs.split(batch):
            found = torch.nan_to_num(gradients(weights, (part,)))
            kept.append(random_project(found, len(part), **settings)(found, ensemble_id=0).detach())
        return torch.cat(kept).numpy()

    return task


def alibi_task(case: Case, batch: int | None) -> Task:
    """GradientSimilarity.fit with grad_cos and gradients kept; grad_dot costs the same. It has no batches."""
    from alibi.explainers import GradientSimilarity

    explainer = GradientSimilarity(
        copy.deepcopy(case.model),
        loss_fn=lambda outputs, labels: outputs.max(),
        sim_fn="grad_cos",
        precompute_grads=True,
        backend="pytorch",
    )
    return lambda: explainer.fit(case.inputs.numpy(), np.zeros(len(case.inputs), dtype=np.int64)).grad_X_train


def last_layer_task(case: Case, batch: int, *, is_gradient: bool) -> Task:
    """What enters the last layer, or the gradient for its weights and biases: zero but in the predicted class's row."""
    head = [one for one in case.model.modules() if isinstance(one, nn.Linear)][-1]

    def task() -> np.ndarray:
        entered: list[Tensor] = []
        handle = head.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))
        with torch.no_grad():
            outputs = torch.cat([case.model(part) for part in case.inputs.split(batch)])
        handle.remove()
        entering = torch.cat(entered)  # [m, h]
        if not is_gradient:
            return entering.numpy()
        chosen = nn.functional.one_hot(outputs.argmax(1), outputs.shape[1])
        entering = torch.cat([entering, torch.ones(len(entering), 1)], dim=1)
        return (chosen[:, :, None] * entering[:, None]).flatten(1).numpy()

    return task


METHODS = [
    ("plain loop, batch 1, not projected", None, loop_task, (1,)),
    ("vmap(grad), not projected", None, partial(vmap_task, is_projected=False), BATCHES),
    ("stored dense random projection, 512", None, partial(vmap_task, is_projected=True), BATCHES),
    ("TRAK, 512", "trak", trak_task, BATCHES),
    ("dattri random projection, 512", "dattri", dattri_task, BATCHES),
    ("alibi GradientSimilarity, not projected", "alibi", alibi_task, (None,)),
    ("last layer's gradient", None, partial(last_layer_task, is_gradient=True), BATCHES),
    ("cosine of what enters the last layer", None, partial(last_layer_task, is_gradient=False), BATCHES),
]
"""Name, package that it needs, maker of the task, batch sizes to try."""


if __name__ == "__main__":
    main()
