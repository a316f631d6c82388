"""Options that turn data of one's own and a network into a subject, for the verbs that take one."""

import argparse
import shlex

from explorer.errors import SettingsError

EXAMPLE = "photos --model net.py:network --weights net.pt --size 64 64 --study studies/photos"
NAMES = (
    "model", "weights", "name", "task", "target", "split", "data_labels", "size", "channels", "mean", "std",
    "skip_broken", "ignore", "categories", "missing", "standardize",
)  # fmt: skip
"""As they stand in the options; `data_labels` is called --labels where that is free."""


def add_own_options(verb: argparse.ArgumentParser, labels_flag: str) -> None:
    """Let a verb take data with a model in place of a subject's name.

    Args:
        verb: has a positional `subject` already.
        labels_flag: how the CSV of picture labels is called.
    """
    own = verb.add_argument_group(
        "data of your own",
        "SUBJECT is then a folder of pictures (a subfolder a class), a data set saved by Hugging Face, .npz with x and "
        "y, .csv, .tsv or .parquet. Pictures become floats from 0 to 1, channels first. A Python file or module that "
        "is named as a model is run: it is your code. Data and weights are never run. "
        f"Example: python -m explorer build {EXAMPLE}",
    )
    own.add_argument(
        "--model",
        metavar="SPEC",
        help="file.py:function or module:function that returns the network, called with those of classes, features "
        "and channels that it names; timm:NAME; or an exported program, FILE.pt2",
    )
    own.add_argument("--weights", metavar="FILE", help="its weights: .safetensors, or a state_dict saved by torch")
    own.add_argument("--name", metavar="NAME", help="title of the study; that of the data when left out")
    own.add_argument("--task", choices=("classification", "regression"), help="told by the labels when left out")
    own.add_argument(
        "--target", metavar="COLUMN", nargs="+", action="extend", help="the column of labels; several for targets"
    )
    own.add_argument("--split", metavar="COLUMN", help="a column that says train, or anything else for held out")
    own.add_argument(
        labels_flag,
        dest="data_labels",
        metavar="CSV",
        help="columns file and label for a folder of pictures, in place of subfolders",
    )
    _add_picture_options(own)
    _add_table_options(own)


def _add_picture_options(own: argparse._ArgumentGroup) -> None:
    many = {"nargs": "+", "action": "extend"}
    own.add_argument(
        "--size",
        metavar="PIXELS",
        type=int,
        **many,
        help="height and width of the inputs: pictures are scaled (antialiased bilinear) to cover it and cut around "
        "the middle; needed when they differ",
    )
    own.add_argument("--channels", choices=(1, 3), type=int, help="grey or color; 3 unless all pictures are grey")
    own.add_argument("--mean", metavar="NUMBER", type=float, **many, help="subtracted from each channel")
    own.add_argument("--std", metavar="NUMBER", type=float, **many, help="then divides each channel")
    own.add_argument(
        "--skip-broken",
        action="store_true",
        help="pictures that cannot be read keep their rows and are left out of every number",
    )


def _add_table_options(own: argparse._ArgumentGroup) -> None:
    own.add_argument(
        "--ignore", metavar="COLUMN", nargs="+", action="extend", help="columns that the network does not see"
    )
    own.add_argument(
        "--categories",
        choices=("one-hot", "ordinal"),
        help="words as a column each (default), or as their place in sorted order; missing: all 0, or -1",
    )
    own.add_argument(
        "--missing",
        choices=("refuse", "mean", "zero"),
        help="what takes the place of missing numbers; refuse (default) names the first",
    )
    own.add_argument(
        "--standardize", action="store_true", help="give columns of numbers mean 0 and deviation 1 over all rows"
    )


def subject_words(options: argparse.Namespace) -> str:
    """What was asked for as load_subject takes it: a name, or data with its options.

    Raises:
        SettingsError: options for data were given without a model.
    """
    given = {name: getattr(options, name) for name in NAMES}
    given = {name: value for name, value in given.items() if value not in (None, False)}
    if not given:
        return options.subject
    if "model" not in given:
        flag = _flag(next(iter(given)))
        raise SettingsError(f"{flag} is for data of your own, expected their network with it. Add --model SPEC.")
    words = [options.subject]
    for name, value in given.items():
        flag = _flag(name)
        words += (
            [flag] if value is True else [f"{flag}={item}" for item in (value if isinstance(value, list) else [value])]
        )
    return shlex.join(words)


def _flag(name: str) -> str:
    return f"--{name.removeprefix('data_').replace('_', '-')}"
