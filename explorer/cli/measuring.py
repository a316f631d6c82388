"""Verbs that run a network: what they need is loaded when they are called."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import explorer
from explorer.cli.own import subject_words
from explorer.cli.printing import print_facts, print_json
from explorer.errors import SettingsError
from explorer.study.study import Study

SETTINGS = (
    "dim",
    "outputs",
    "neighbors",
    "limit",
    "calibration",
    "coordinates",
    "seed",
    "storage",
    "exact_density",
    "batch_size",
    "device",
    "engine",
)


def build_study(options: Namespace) -> None:
    """Build a study, or what is missing of it."""
    from explorer.pipeline.build import build
    from explorer.pipeline.folder import settings_for
    from explorer.pipeline.progress import ProgressPrinter

    started_at = time.perf_counter()
    settings = settings_for(options.study, **{name: getattr(options, name) for name in SETTINGS})
    printer = ProgressPrinter(sys.stderr)
    subject = explorer.load_subject(subject_words(options), _reading(printer))
    study = build(
        subject, options.study, settings=settings, redo=options.redo, progress=printer, address=options.address
    )
    for line in study.warnings:
        print(f"note: {line}", file=sys.stderr)
    seconds = time.perf_counter() - started_at
    print(f"{study.path}: {study.n:,} samples of {study.subject['name']}, complete after {seconds:.0f} s")
    print(f"see it: streamlit run app.py -- {study.path}")


def show_fidelity(options: Namespace) -> None:
    """Print how well features stand for exact gradients."""
    study = explorer.open_study(options.study)
    report = _measured_fidelity(study, options.rows)
    if options.json:
        print_json(report)
    else:
        print_facts(report)


def train_network(options: Namespace) -> None:
    """Train a network and save it with its log."""
    from explorer.training import train_to_file

    at, every = _snapshots(options.snapshots)
    facts = train_to_file(
        subject_words(options),
        options.out,
        epochs=options.epochs,
        seed=options.seed,
        device=options.device,
        labels=options.labels,
        study=None if options.study is None else explorer.open_study(options.study),
        enforce=_enforcement(options),
        misclassify=options.misclassify,
        fresh=options.fresh,
        snapshots=at,
        snapshots_every=every,
        progress=_print_epoch,
    )
    if "dead_units" in facts:
        facts["dead_units"] = _few(facts["dead_units"])
    labels = facts.get("labels")
    if labels:
        facts["labels"] = f"{labels['file']}: {labels['relabeled']} relabeled, {labels['dropped']} dropped"
        facts |= {f"{name}_as_given": value for name, value in labels["as_given"].items()}
    print_facts({name: value for name, value in facts.items() if not isinstance(value, dict)})


def _enforcement(options: Namespace) -> Any:
    """What is enforced, or None."""
    from explorer.training import Enforcement, read_pairs
    from explorer.training.enforcement import KINDS

    if options.enforce is None:
        alone = next((name for name in ("weight", "pairs") if getattr(options, name) is not None), None)
        if alone is not None:
            raise SettingsError(f"--{alone} is about what is enforced, expected --enforce with it. Add it.")
        return None
    pairs = options.pairs or "class"
    if pairs not in KINDS:
        if not pairs.endswith((".csv", ".parquet")):
            raise SettingsError(
                f"--pairs must be {', '.join(KINDS)} or a .csv or .parquet file, found {pairs!r}. Choose one of these."
            )
        pairs = read_pairs(Path(pairs))
    return Enforcement(mode=options.enforce, weight=1.0 if options.weight is None else options.weight, pairs=pairs)


def _snapshots(told: str | None) -> tuple[tuple[int, ...], int | None]:
    """After which epochs weights are kept, or after each so many."""
    if told is None:
        return (), None
    words = told.removeprefix("every:").split(",")
    if not all(word.isascii() and word.isdigit() and len(word) <= 9 for word in words) or (
        told.startswith("every:") and len(words) > 1
    ):
        raise SettingsError(f"--snapshots must be epochs like 0,1,2,5 or every:N, found {told!r}. Write it so.")
    numbers = tuple(int(word) for word in words)
    return ((), numbers[0]) if told.startswith("every:") else (numbers, None)


def _few(names: list[str], most: int = 20) -> str:
    """A list for a terminal; all of it stands in a file."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def _measured_fidelity(study: Study, rows: int) -> dict[str, float | int | None]:
    from explorer.pipeline.exact import measured_fidelity

    if rows < 3:
        raise SettingsError(f"--rows must be at least 3, to have pairs to compare, found {rows}. Raise it.")
    return measured_fidelity(study, rows)


def _reading(watcher: Callable[[Any], None]) -> Callable[[int, int], None]:
    """Shows how many of the user's pictures have been looked through, like a step before the first."""
    from explorer.pipeline.build import STEPS
    from explorer.pipeline.progress import Meter

    meters: list[Meter] = []

    def told(done: int, total: int) -> None:
        meter = meters[0] if meters else Meter([watcher], "reading", 0, len(STEPS), total)
        meters[:] = [meter]
        meter.advance(done)
        if done == total:
            meter.finish()

    return told


def _print_epoch(done: int, total: int, row: dict[str, float]) -> None:
    numbers = " · ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
    print(f"epoch {done}/{total} · {numbers}", file=sys.stderr)
