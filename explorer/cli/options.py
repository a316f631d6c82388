"""What can be said on the command line, with an example for every verb."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from explorer.cli import labels, measuring, presenting, probing, reading, snapshots
from explorer.cli.own import add_own_options
from explorer.cli.training_options import add_training_options
from explorer.errors import SettingsError
from explorer.records import DEVICES, ENGINES, OUTPUT_MODES, STORAGES, Settings
from explorer.study.steps import STEP_NAMES
from explorer.study.study import KINDS

PROGRAM = "python -m explorer"
SUBJECT_HELP = (
    "a bundled name (see `subjects`), path/file.py:function that returns a Subject (which runs that file), or data of "
    "your own with --model"
)
STUDY_HELP = "folder of a study"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like all our errors."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}. `{self.prog} --help` shows what can be said.")


def command_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; the chosen one is `run`, to be called with the options."""
    parser = _Parser(
        prog=PROGRAM,
        description="See your data as a trained network sees it.",
        epilog=f"example: {PROGRAM} build mnist-noisy --study studies/mnist-noisy",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_subjects(verbs)
    _add_build(verbs)
    _add_status(verbs)
    _add_neighbors(verbs)
    _add_probe(verbs)
    _add_fidelity(verbs)
    _add_suspects(verbs)
    _add_labels(verbs)
    _add_samples(verbs)
    _add_export(verbs)
    _add_train(verbs)
    _add_snapshots(verbs)
    return parser


def _add_subjects(verbs: Any) -> None:
    verb = _verb(verbs, "subjects", reading.show_subjects, "the bundled subjects: name, samples, what there is to see")
    _add_json(verb)


def _add_build(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "build",
        measuring.build_study,
        "measure a subject into a study; resumes one that is not finished",
        "mnist-noisy --study studies/mnist-noisy",
    )
    own = Settings()
    verb.add_argument("subject", metavar="SUBJECT", help=SUBJECT_HELP)
    verb.add_argument("--study", metavar="DIR", type=Path, required=True, help="folder of the study")
    numbers = {
        "dim": "width of the features",
        "neighbors": "how many neighbors of every sample are stored",
        "limit": "measure only the first so many samples",
        "calibration": "how many samples the projection is fitted on",
        "coordinates": "projected coordinates of all layers; more is more faithful and slower",
        "seed": "seed of every random choice",
        "batch-size": "samples in one forward pass; chosen from memory when left out",
    }
    for name, meaning in numbers.items():
        usual = getattr(own, name.replace("-", "_"))
        told = meaning if usual is None else f"{meaning} (default {usual}, or what the study has)"
        verb.add_argument(f"--{name}", metavar="N", type=int, help=told)
    verb.add_argument("--outputs", choices=OUTPUT_MODES, help="which outputs of the network are differentiated")
    verb.add_argument("--storage", choices=STORAGES, help="type of the stored features; float16 takes half the space")
    verb.add_argument(
        "--exact-density",
        action="store_const",
        const=True,
        help="take the soft count over full gradients: two more passes over the data",
    )
    verb.add_argument("--device", choices=DEVICES, help="where gradients are computed")
    verb.add_argument("--engine", choices=ENGINES, help="who runs the shards: this process, or Ray on many cores")
    verb.add_argument(
        "--address", metavar="HOST:PORT", help="a running Ray cluster, or auto; Ray is started here when left out"
    )
    add_own_options(verb, "--labels")
    verb.add_argument("--redo", metavar="STEP", choices=STEP_NAMES, help=f"make one step anew: {', '.join(STEP_NAMES)}")


def _add_status(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "status",
        reading.show_status,
        "what is done and missing, settings, sizes, versions, fidelity; verifies every file",
        "studies/mnist-noisy",
    )
    _add_study(verb)
    _add_json(verb)


def _add_neighbors(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "neighbors",
        reading.show_neighbors,
        "the samples most similar to one sample",
        "studies/mnist-noisy 17 -k 5",
    )
    _add_study(verb)
    verb.add_argument("row", metavar="ROW", type=int, help="the sample, counted from 0")
    verb.add_argument("-k", metavar="N", type=int, default=10, help="how many (default 10)")
    verb.add_argument("--by", choices=KINDS, default="network", help="whose similarity (default network)")
    verb.add_argument(
        "--exact", action="store_true", help="rank the nearest again by full gradients; loads the network"
    )
    _add_json(verb)


def _add_probe(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "probe",
        probing.show_probes,
        "new inputs, seen by the network of a study; loads it, and so runs the file of a subject of your own",
        "studies/mnist-noisy new.png rows.csv -k 5",
    )
    _add_study(verb)
    verb.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="pictures, or .npy, .npz, .csv, .tsv and .parquet files with an input a row",
    )
    verb.add_argument("-k", metavar="N", type=int, default=10, help="how many neighbors of each (default 10)")
    verb.add_argument("--exact", action="store_true", help="rank the nearest again by full gradients; takes seconds")
    _add_json(verb)


def _add_fidelity(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "fidelity",
        measuring.show_fidelity,
        "the stored features held against exact gradients",
        "studies/mnist-noisy --rows 512",
    )
    _add_study(verb)
    verb.add_argument(
        "--rows", metavar="N", type=int, default=256, help="on so many samples that were not fitted to (default 256)"
    )
    _add_json(verb)


def _add_suspects(verbs: Any) -> None:
    verb = _verb(
        verbs, "suspects", reading.show_suspects, "labels to doubt, most suspicious first", "studies/mnist-noisy -n 20"
    )
    _add_study(verb)
    verb.add_argument("-n", metavar="N", type=int, default=50, help="how many (default 50)")
    _add_json(verb)


def _add_samples(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "samples",
        reading.save_samples,
        "the samples table, a row a sample",
        "studies/mnist-noisy --out samples.csv",
    )
    _add_study(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="a file ending in .csv or .parquet")


def _add_export(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "export",
        presenting.export_report,
        "a report of a study as one HTML page, to be mailed or printed",
        "studies/mnist-noisy --out report.html",
    )
    _add_study(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="a file ending in .html")
    verb.add_argument(
        "--suspects", metavar="N", type=int, default=12, help="show so many samples to doubt (default 12)"
    )


def _add_labels(verbs: Any) -> None:
    verb = verbs.add_parser(
        "labels",
        help="decisions about labels, out of a study and into it",
        description="Decisions about labels that were made in the app, out of a study and into it.",
        epilog=f"example: {PROGRAM} labels export studies/mnist-noisy --out decisions.csv",
    )
    actions = verb.add_subparsers(metavar="ACTION", required=True)
    example = "studies/mnist-noisy --out decisions.csv"
    verb = _verb(actions, "export", labels.save_decisions, "write decisions to a file", example, "labels ")
    _add_study(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="a file ending in .csv or .parquet")
    content = verb.add_mutually_exclusive_group()
    content.add_argument("--all", action="store_true", help="a line for each person, also where they agree")
    content.add_argument(
        "--cleaned", action="store_true", help="in place of decisions the labels after them: row, label, keep"
    )
    example = "studies/mnist-noisy decisions.csv"
    verb = _verb(actions, "import", labels.take_decisions, "take over the decisions of a file", example, "labels ")
    _add_study(verb)
    verb.add_argument("file", metavar="FILE", type=Path, help="a file as `labels export` writes it")
    verb.add_argument(
        "--who", metavar="NAME", default="", help="who can undo this, and decided where the file names nobody"
    )


def _add_train(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "train",
        measuring.train_network,
        "train the network of a subject; the log is saved beside the weights",
        "digits --out digits.safetensors",
    )
    verb.add_argument("subject", metavar="SUBJECT", help=SUBJECT_HELP)
    add_training_options(verb)


def _add_snapshots(verbs: Any) -> None:
    verb = _verb(
        verbs,
        "snapshots",
        snapshots.measure_snapshots_of,
        "how training changed the similarity: measure snapshots of the weights, and keep the table in a study",
        "mnist-noisy --from weights/mnist-noisy --study studies/mnist-noisy",
    )
    verb.add_argument("subject", metavar="SUBJECT", help=SUBJECT_HELP)
    verb.add_argument(
        "--from",
        metavar="DIR",
        dest="folder",
        type=Path,
        required=True,
        help="folder of .safetensors of one training, the epoch written into each or at the end of its name",
    )
    verb.add_argument("--study", metavar="DIR", type=Path, required=True, help="the study of this subject")
    verb.add_argument(
        "--samples", metavar="N", type=int, default=2000, help="measure so many samples at most (default 2000)"
    )
    add_own_options(verb, "--labels")
    verb.add_argument("--device", choices=DEVICES, help="where gradients are computed; as the study when left out")
    _add_json(verb)


def _verb(
    verbs: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    meaning: str,
    example: str = "",
    above: str = "",
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(
        name,
        help=meaning,
        description=f"{meaning[0].upper()}{meaning[1:]}.",
        epilog=f"example: {PROGRAM} {above}{name} {example}".rstrip(),
    )
    verb.add_argument("--debug", action="store_true", help="show where an error comes from")
    verb.set_defaults(run=run)
    return verb


def _add_study(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("study", metavar="STUDY", type=Path, help=STUDY_HELP)


def _add_json(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="print one JSON document")
