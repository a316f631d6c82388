"""Verbs that read a study. None of them loads torch, except neighbors with --exact."""

import io
import re
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

import explorer
from explorer.cli.printing import in_bytes, print_facts, print_json, print_table, shown
from explorer.errors import SettingsError, StepMissing, StudyMismatch
from explorer.records import Neighbors
from explorer.study.lock import is_locked
from explorer.study.manifest import FORMAT
from explorer.study.steps import PART, STEP_NAMES, state_of, with_ending, write_file
from explorer.study.study import Study
from explorer.study.tables import guarded_cell

BESIDE = re.compile(r"(label|target|prediction)(_\d+)?")
REASONS = (
    "suspicion",
    "suggested_probability",
    "label_margin",
    "neighbor_disagreement",
    "given_label_loss",
    "target_residual",
)


def show_subjects(options: Namespace) -> None:
    """Print the bundled subjects."""
    from explorer.subjects.bundled import bundled_subjects

    records = [asdict(one) for one in bundled_subjects()]
    if options.json:
        print_json(records)
    else:
        for one in records:
            print(f"{one['name']:<12} {one['samples']:>6,} samples  {one['shows']}")


def show_status(options: Namespace) -> None:
    """Print what a study holds, after verifying every file of it."""
    study = explorer.open_study(options.study)
    study.verify()
    status = _status(study)
    if options.json:
        print_json(status)
    else:
        _print_status(study, status)


def show_neighbors(options: Namespace) -> None:
    """Print the samples most similar to one."""
    study = explorer.open_study(options.study)
    if options.exact and options.by != "network":
        raise SettingsError(
            f"--exact ranks by the network's gradients, found --by {options.by}. Leave one of them out."
        )
    if options.exact:
        neighbors = study.exact_neighbors(options.row, options.k)
    else:
        neighbors = study.neighbors(options.row, options.k, options.by)
    table = _neighbor_table(study, neighbors)
    if options.json:
        print_json(table.to_dict(orient="records"))
    elif table.empty:
        print(f"sample {options.row} has no neighbors: its gradient is zero or not finite")
    else:
        print_table(table, study.class_names)


def show_suspects(options: Namespace) -> None:
    """Print the labels to doubt."""
    study = explorer.open_study(options.study)
    if options.n < 1:
        raise SettingsError(f"-n must be at least 1, found {options.n}. Ask for one suspect or more.")
    samples = study.samples
    if "suspicion" not in samples:
        raise StudyMismatch(
            f'study "{study.name}" has no column suspicion, expected one in its samples table. Build it again.'
        )
    ranked = samples[samples["suspicion"].notna()].sort_values("suspicion", ascending=False, kind="stable")
    shown = [name for name in samples if BESIDE.fullmatch(name)]
    shown += [name for name in ("suggested_label", *REASONS) if name in samples]
    table = ranked.head(options.n)[shown]
    table.insert(0, "row", table.index)
    if options.json:
        print_json(table.to_dict(orient="records"))
    else:
        print_table(table, study.class_names)


def save_samples(options: Namespace) -> None:
    """Write the samples table to a file."""
    samples, out = explorer.open_study(options.study).samples, options.out
    content = io.BytesIO()
    if out.suffix == ".csv":
        texts = [name for name in samples if samples[name].dtype.kind not in "biufMm"]
        guarded = samples.assign(**{name: samples[name].map(guarded_cell, na_action="ignore") for name in texts})
        guarded.reset_index(names="row").to_csv(content, index=False)
    elif out.suffix == ".parquet":
        samples.reset_index(names="row").to_parquet(content, index=False)
    else:
        raise SettingsError(f"--out must end in .csv or .parquet, found {out.name!r}. Name the file so.")
    _write(out, content.getvalue())
    print(f"wrote {len(samples):,} samples to {out}")


def _write(out: Path, content: bytes) -> None:
    try:
        write_file(out, content)
    except OSError as error:
        raise SettingsError(f"expected a place to write {out}, found: {error.strerror}. Name another.") from error


def _neighbor_table(study: Study, neighbors: Neighbors) -> pd.DataFrame:
    known = neighbors.indices >= 0
    table = pd.DataFrame({"row": neighbors.indices[known], "similarity": neighbors.similarities[known]})
    try:
        samples = study.samples
    except StepMissing:  # labels come with the last step; neighbors are worth showing before
        return table
    shown = [name for name in samples if BESIDE.fullmatch(name)]
    return pd.concat([table, samples.loc[table["row"], shown].reset_index(drop=True)], axis=1)


def _status(study: Study) -> dict[str, Any]:
    manifest = study.manifest
    sizes = {step: sum(entry.bytes for entry in manifest.entries(step).values()) for step in manifest.steps}
    return {
        "study": study.name,
        "path": str(study.path),
        "format": FORMAT,
        "created_at": manifest.created_at,
        "subject": study.subject,
        "samples": study.n,
        "is_building": is_locked(study.path),
        "steps_done": list(manifest.steps),
        "steps_missing": study.steps_missing,
        "steps": {name: _step_status(study, name, sizes) for name in STEP_NAMES},
        "bytes": sum(sizes.values()),
        "settings": manifest.settings.as_dict(),
        "versions": manifest.versions,
        "fidelity": study.fidelity,
        "coverage": manifest.coverage,
        "warnings": study.warnings,
    }


def _step_status(study: Study, step: str, sizes: dict[str, int]) -> dict[str, Any]:
    record = study.manifest.steps.get(step)
    if record is None:
        return _unfinished(study, step)
    return {
        "state": "complete",
        "seconds": record.seconds,
        "peak_memory_bytes": record.peak_memory_bytes,
        "bytes": sizes[step],
        "notes": record.notes,
    }


def _step_in_words(step: dict[str, Any]) -> str:
    if step["state"] == "complete":
        return f"{step['seconds']:8.1f} s  {in_bytes(step['bytes']):>10}"
    return f"{step['shards_done']} of {step['shards']} shards" if "shards" in step else ""


def _unfinished(study: Study, step: str) -> dict[str, Any]:
    if state_of(study.path / step) != "partial":
        return {"state": "missing"}
    if step != "features":
        return {"state": "partial"}
    done = sum(path.name.isdecimal() for path in with_ending(study.path / step, PART).iterdir())
    return {"state": "partial", "shards_done": done, "shards": -(-study.n // study.settings.shard_size)}


def _print_status(study: Study, status: dict[str, Any]) -> None:
    missing = status["steps_missing"]
    state = (
        "being built" if status["is_building"] else f"unfinished, lacks {', '.join(missing)}" if missing else "complete"
    )
    print_facts(
        {
            "study": f"{study.name} ({state})",
            "subject": f"{study.subject['name']}, {study.n:,} samples, {study.task}",
            "size": in_bytes(status["bytes"]),
            "peak memory": in_bytes(max((step.peak_memory_bytes for step in study.manifest.steps.values()), default=0)),
            "settings": ", ".join(f"{name} {value}" for name, value in status["settings"].items()),
            "versions": ", ".join(f"{name} {value}" for name, value in status["versions"].items()),
        }
    )
    for name, step in status["steps"].items():
        print(f"  {name:<10}  {step['state']:<8}  {_step_in_words(step)}".rstrip())
    if study.fidelity:
        print_facts({f"fidelity {name}": value for name, value in study.fidelity.items()})
    for line in study.warnings:
        print(f"note: {shown(line)}")
