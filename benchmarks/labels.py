"""Which wrong labels are found first: ours, cleanlab with cross-validated networks, and what one network alone tells.

    python -m benchmarks.labels --data fashion20k.npz

Labels of Fashion-MNIST are changed on purpose, a small convolutional network is trained on the changed ones by the
product's own loop, and each score ranks the samples. The bundled mnist-noisy is ranked with its shipped weights, over
its training samples. Trained networks and their features are kept; another score costs seconds.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn
from torch.utils.data import TensorDataset

from explorer.features import Measurer, calibrate
from explorer.records import Settings
from explorer.similarity import find_neighbors, label_posterior, neighbor_disagreement, neighbor_votes
from explorer.similarity.suspicion import label_doubt
from explorer.subjects import Subject, load_subject
from explorer.subjects.bundled import untrained_subject
from explorer.subjects.recipes import Recipe
from explorer.subjects.splits import flip_labels, stratified_split
from explorer.training.loop import train

CLASSES, FOLDS, NEIGHBORS = 10, 5, 50
RECIPE = Recipe(epochs=20, loss="cross-entropy")
"""What `train` uses for a network of one's own."""
OURS, PEER = "ours", "cleanlab"

Make = Callable[[int], Subject]
"""seed -> the subject with new weights."""


@dataclass(frozen=True)
class Case:
    """What every score may use of one data set, network and seed. Rows are the ranked samples unless said."""

    name: str
    labels: np.ndarray
    """[n] int64 given classes of all samples."""
    wrong: np.ndarray
    """[n] bool."""
    ranked: np.ndarray
    """[n] bool, the training samples; averages are taken over these."""
    units: np.ndarray
    """[n, d] float32 features of the final network, all outputs."""
    embedding: np.ndarray
    """[n, h] float32, what enters the last layer."""
    logits: np.ndarray
    """[epochs, n, classes] float32 after every epoch, the last of the final network."""
    probabilities: np.ndarray | None
    """[n, classes] of networks that did not see the sample; nan where not ranked; None when not asked for."""


def main() -> None:
    """Print one table a data set: mean and spread over seeds of every score."""
    options = _options()
    found = []
    for case in _cases(options):
        for score, doubt in scores(case).items():
            found.append(
                {"data": case.name.rsplit("/", 1)[0], "case": case.name, "score": score, **quality(case, doubt)}
            )
        print(_table([one for one in found if one["case"] == case.name], ["score"]), flush=True)
    print("\nmean and standard deviation over seeds\n" + _table(found, ["data", "score"]))
    print(_lead(pd.DataFrame(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def scores(case: Case) -> dict[str, np.ndarray]:
    """[n] doubt by each score, higher for more suspicious."""
    labels, rows = torch.from_numpy(case.labels), np.arange(len(case.labels))
    logits, ranked = torch.from_numpy(case.logits), torch.from_numpy(case.ranked)
    evidence = label_posterior(torch.from_numpy(case.units), labels, CLASSES)
    votes = neighbor_votes(labels, find_neighbors(case.units, NEIGHBORS), CLASSES)
    logarithms = logits.log_softmax(2)[:, rows, labels].numpy()  # [epochs, n]
    embedded = torch.nn.functional.normalize(torch.from_numpy(case.embedding)).numpy()
    return {
        OURS: label_doubt(evidence, labels, votes=votes, logits=logits[-1], trained=ranked).wrong_odds.numpy(),
        "ours, neighbors not asked": label_doubt(
            evidence, labels, logits=logits[-1], trained=ranked
        ).wrong_odds.numpy(),
        "ours, network not asked": label_doubt(evidence, labels, votes=votes, trained=ranked).wrong_odds.numpy(),
        "margin of the ridge alone": _margin(evidence.numpy(), case.labels),
        "k^C vote of 50": 1 - votes.numpy()[rows, case.labels],
        "penultimate vote of 50": neighbor_disagreement(
            labels, find_neighbors(embedded, NEIGHBORS), sharpness=1.0
        ).numpy(),
        "loss of the final network": -logarithms[-1],
        "mean loss over epochs": -logarithms.mean(0),
        "AUM": np.mean([_margin(one, case.labels) for one in case.logits], axis=0),
        **_cleanlab_scores(case),
    }


def quality(case: Case, doubt: np.ndarray) -> dict[str, float]:
    """Average precision, precision at the number of errors, and area under the ROC curve, over the ranked samples."""
    doubt, wrong = doubt[case.ranked], case.wrong[case.ranked]
    first = np.argsort(-doubt, kind="stable")[: wrong.sum()]
    return {
        "AP": float(average_precision_score(wrong, doubt)),
        "precision": float(wrong[first].mean()),
        "AUROC": float(roc_auc_score(wrong, doubt)),
    }


def _cleanlab_scores(case: Case) -> dict[str, np.ndarray]:
    """Its label quality scores on cross-validated probabilities, negated; empty without these or without cleanlab."""
    if case.probabilities is None:
        return {}
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return {}
    given = case.labels[case.ranked]
    chances = case.probabilities[case.ranked].clip(1e-9)
    chances /= chances.sum(1, keepdims=True)
    found = {}
    for method, adjusted in (
        ("self_confidence", False),
        ("self_confidence", True),
        ("normalized_margin", False),
        ("normalized_margin", True),
        ("confidence_weighted_entropy", False),
    ):
        doubt = np.full(len(case.labels), np.nan)
        doubt[case.ranked] = -get_label_quality_scores(given, chances, method=method, adjust_pred_probs=adjusted)
        found[f"{PEER} {method}{', adjusted' if adjusted else ''}"] = doubt
    return found


def _margin(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[n] best other class minus the given one."""
    rows, others = np.arange(len(labels)), values.copy()
    others[rows, labels] = -np.inf
    return others.max(1) - values[rows, labels]


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    if "mnist-noisy" in options.sets:
        subject, recipe = load_subject("mnist-noisy"), untrained_subject("mnist-noisy", 0)[1]
        case = _kept(
            "mnist-noisy/0", lambda seed: untrained_subject("mnist-noisy", seed)[0], 0, recipe, options, subject
        )
        yield replace(case, wrong=subject.columns["flipped"].astype(bool))
    recipe = replace(RECIPE, epochs=options.epochs)
    for noise in options.noise if "fashion" in options.sets else []:
        for rate in options.rates:
            for seed in options.seeds:
                true, make = _fashion(options, noise, rate, seed)
                name = f"fashion-{options.samples}-{noise}-{round(100 * rate)}-epochs{options.epochs}/{seed}"
                case = _kept(name, make, seed, recipe, options)
                yield replace(case, wrong=case.labels != true)


def _kept(
    name: str, make: Make, seed: int, recipe: Recipe, options: argparse.Namespace, shipped: Subject | None = None
) -> Case:
    """The case from the cache, or measured and put there; which labels are wrong is not filled in."""
    folder = options.cache / name
    folder.mkdir(parents=True, exist_ok=True)
    subject = make(seed)
    if not (folder / "case.npz").is_file():
        history: list[np.ndarray] = []
        train(subject, recipe, seed=seed, device="cpu", progress=lambda *_: history.append(_logits(subject)))
        final, settings = shipped or subject, Settings()
        history[-1] = _logits(final)
        measured = Measurer(final, calibrate(final, settings), settings).measure(np.arange(len(final)))
        np.savez(folder / "case.npz", units=measured.units, embedding=measured.embedding, logits=np.stack(history))
    if options.folds and not (folder / "folds.npy").is_file():
        np.save(folder / "folds.npy", _cross_validated(subject, make, recipe))
    ranked = np.isin(np.arange(len(subject)), subject.train_rows)
    kept = np.load(folder / "folds.npy", allow_pickle=False) if (folder / "folds.npy").is_file() else None
    with np.load(folder / "case.npz", allow_pickle=False) as arrays:
        return Case(name, subject.targets, ranked < 0, ranked, **arrays, probabilities=kept)


def _cross_validated(subject: Subject, make: Make, recipe: Recipe) -> np.ndarray:
    """[n, classes] probabilities by five networks, each trained on four fifths of the training samples."""
    found = np.full((len(subject), CLASSES), np.nan)
    rows = subject.train_rows
    inputs, labels = subject.inputs(np.arange(len(subject))), subject.targets
    fold = np.full(len(rows), -1)
    for number in range(FOLDS):
        rest = np.flatnonzero(fold < 0)
        split = stratified_split(
            labels[rows[rest]], share=1 / (FOLDS - number) if number < FOLDS - 1 else 1, seed=number
        )
        fold[rest[split == "held-out"]] = number
    for number in range(FOLDS):
        kept, left = rows[fold != number], rows[fold == number]
        part = replace(make(number), dataset=TensorDataset(inputs[kept]), labels=labels[kept], split=None, columns={})
        train(part, recipe, seed=number, device="cpu")
        with torch.no_grad():
            found[left] = part.model(inputs[left]).softmax(1).numpy()
    return found


def _logits(subject: Subject) -> np.ndarray:
    training = subject.model.training
    subject.model.eval()
    with torch.no_grad():
        parts = [subject.output(subject.model, subject.inputs(rows)) for rows in _batches(len(subject))]
    subject.model.train(training)
    return torch.cat(parts).numpy()


def _batches(count: int) -> list[np.ndarray]:
    return np.array_split(np.arange(count), -(-count // 1000))


def small_network() -> nn.Module:
    """[m, 1, 28, 28] -> [m, 10], 207,018 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 128),
        nn.ReLU(),
        nn.Linear(128, CLASSES),
    )


def _fashion(options: argparse.Namespace, noise: str, rate: float, seed: int) -> tuple[np.ndarray, Make]:
    """True labels, and what makes the subject: samples drawn by the seed, with labels changed by it."""
    with np.load(options.data, allow_pickle=False) as arrays:
        rows = np.random.default_rng(1000 + seed).choice(len(arrays["x"]), options.samples, replace=False)
        images, true = arrays["x"][rows, None].astype(np.float32) / 255, arrays["y"][rows].astype(np.int64)
    if noise == "symmetric":
        given = flip_labels(true, np.arange(len(true)), share=rate, classes=CLASSES, seed=seed)
    else:
        changed = np.random.default_rng(seed).choice(len(true), round(rate * len(true)), replace=False)
        given = true.copy()
        given[changed] = (true[changed] + 1) % CLASSES

    def make(seed: int) -> Subject:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = small_network()
        return Subject(name="fashion", model=model, dataset=TensorDataset(torch.from_numpy(images)), labels=given)

    return true, make


def _table(found: list[dict], by: list[str]) -> str:
    numbers = pd.DataFrame(found).groupby(by, sort=False)[["AP", "precision", "AUROC"]]
    mean, spread = numbers.mean(), numbers.std()
    words = {
        name: [f"{a:.4f}" + (f" ± {b:.4f}" if b >= 0 else "") for a, b in zip(mean[name], spread[name], strict=True)]
        for name in mean
    }
    return pd.DataFrame(words, index=mean.index).to_string()


def _lead(found: pd.DataFrame) -> str:
    """In how many cases ours is ahead of the best score of the peer."""
    peers = found[found.score.str.startswith(PEER)].groupby("case").AP.max()
    ours = found[found.score == OURS].set_index("case").AP
    if peers.empty:
        return f"{PEER} was not measured"
    lead = ours[peers.index] - peers
    won = f"ahead of the best of {PEER} in {(lead > 0).sum()} of {len(lead)} cases"
    return f"{won}, by {lead.min():.4f} to {lead.max():.4f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path("data/fashion20k.npz"), help="arrays x and y of Fashion-MNIST"
    )
    parser.add_argument("--sets", nargs="+", choices=["mnist-noisy", "fashion"], default=["mnist-noisy", "fashion"])
    parser.add_argument("--noise", nargs="+", choices=["symmetric", "pairs"], default=["symmetric", "pairs"])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--no-folds", dest="folds", action="store_false", help="train no networks for cross-validation")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "explorer-labels")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
