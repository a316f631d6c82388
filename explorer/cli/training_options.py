"""What can be said about a training."""

import argparse
from pathlib import Path

from explorer.cli.own import add_own_options
from explorer.records import DEVICES


def add_training_options(verb: argparse.ArgumentParser) -> None:
    """Let a verb that takes a subject train its network."""
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="a file ending in .safetensors")
    verb.add_argument("--epochs", metavar="N", type=int, help="passes over the data; the subject's own when left out")
    add_own_options(verb, "--data-labels")
    verb.add_argument("--seed", metavar="N", type=int, default=0, help="seed of weights and order (default 0)")
    verb.add_argument(
        "--fresh",
        action="store_true",
        help="begin with new weights (reset_parameters of every module, by the seed) also where a file or function of "
        "your own gives the network others; bundled subjects always do",
    )
    verb.add_argument("--device", choices=DEVICES, default="auto", help="where to train (default auto)")
    verb.add_argument(
        "--labels", metavar="FILE", type=Path, help="train with the labels that `labels export --cleaned` wrote"
    )
    verb.add_argument(
        "--study",
        metavar="DIR",
        type=Path,
        help="with --labels: also train a control with the labels as given, and keep in this study what came of it",
    )
    verb.add_argument(
        "--enforce",
        choices=("reward", "penalise", "contrast"),
        help="add the network's own similarity of pairs of samples to its loss: minus it, plus it, or that of samples "
        "that are no pair minus it",
    )
    verb.add_argument("--weight", metavar="W", type=float, help="with --enforce: factor of what is added (default 1)")
    verb.add_argument(
        "--pairs",
        metavar="PAIRS",
        help="with --enforce: class (samples of one class; default), shift or rotation (a picture and a moved copy), "
        "or a .csv or .parquet of row numbers with the columns first and second",
    )
    verb.add_argument(
        "--misclassify",
        metavar="P",
        type=float,
        help="in every step replace each label with probability P by a random one, and say which units still fire",
    )
    verb.add_argument(
        "--snapshots",
        metavar="EPOCHS",
        help="also keep the weights after these epochs: 0,1,2,5 (0 is before the first), or every:N",
    )
