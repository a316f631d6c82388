"""Verbs that run a network: what they need is loaded when they are called."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
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
    study = build(subject, options.study, settings=settings, redo=options.redo, progress=printer)
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

    facts = train_to_file(
        subject_words(options),
        options.out,
        epochs=options.epochs,
        seed=options.seed,
        device=options.device,
        labels=options.labels,
        study=None if options.study is None else explorer.open_study(options.study),
        progress=_print_epoch,
    )
    labels = facts.get("labels")
    if labels:
        facts["labels"] = f"{labels['file']}: {labels['relabeled']} relabeled, {labels['dropped']} dropped"
        facts |= {f"{name}_as_given": value for name, value in labels["as_given"].items()}
    print_facts({name: value for name, value in facts.items() if not isinstance(value, dict)})


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
