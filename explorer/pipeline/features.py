"""Steps projection, features and fidelity: the ones that need the network's gradients."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from explorer.features import Measurer, Projection, calibrate, fidelity_report, with_unseen
from explorer.features.calibration import MOST_AT_ONCE
from explorer.features.memory import in_smaller_batches
from explorer.features.shards import ShardFeatures
from explorer.pipeline.work import Outcome, Work
from explorer.records import Settings
from explorer.study.saving import save_array
from explorer.study.steps import written_folder
from explorer.study.study import Study
from explorer.subjects import Subject

PROJECTION = "projection.safetensors"
FIDELITY_ROWS = 256
NAMED_ROWS = 10
LISTED_ROWS = 1000


def write_projection(work: Work) -> Outcome:
    """Fit the projection to the subject and write it; its coverage goes into the manifest."""
    fitted = work.in_memory(lambda settings: calibrate(work.subject, settings))
    projection = work.in_memory(lambda settings: with_unseen(work.subject, fitted, settings))
    projection.save(work.part / PROJECTION)
    notes = {
        "outputs": projection.outputs,
        "mode": projection.mode,
        "width": projection.width,
        "calibration_samples": len(fitted.rows),
        "unseen": asdict(projection.unseen),
    }
    return Outcome(notes, facts={"coverage": dict(projection.coverage)})


def write_features(work: Work) -> Outcome:
    """Measure what is missing of the shards, a folder each; a shard on disk is a shard done."""
    measurer = Measurer(work.subject, stored_projection(work.study), work.settings)
    shards = [(work.part / f"{number:04d}", rows) for number, rows in enumerate(work.shards)]
    missing = [shard for shard in shards if not shard[0].exists()]
    done = work.n - sum(len(rows) for _, rows in missing)
    work.meter.resume(done)
    for measured in work.run(lambda shard: _measure_shard(work, measurer, *shard), missing):
        done += measured
        work.meter.advance(done)
    valid = np.concatenate([np.load(folder / "valid.npy", allow_pickle=False) for folder, _ in shards])
    return _named_invalid(np.flatnonzero(~valid), work.n)


def measure_fidelity(work: Work) -> Outcome:
    """Hold features against exact gradients; the report goes into the manifest."""
    projection = stored_projection(work.study)
    # Exact similarities of c outputs take c^2 times the arithmetic; half the rows are a quarter of the pairs.
    rows = FIDELITY_ROWS if projection.outputs == 1 else FIDELITY_ROWS // 2
    report = work.in_memory(lambda settings: told_fidelity(work.subject, projection, settings, rows))
    return Outcome(facts={"fidelity": report})


def told_fidelity(
    subject: Subject, projection: Projection, settings: Settings, rows: int = FIDELITY_ROWS
) -> dict[str, float | int | None]:
    """The fidelity report as JSON values: a number that is not finite (too few samples) becomes None."""
    report = fidelity_report(subject, projection, settings, rows)
    return {name: value if np.isfinite(value) else None for name, value in report.items()}


def stored_projection(study: Study) -> Projection:
    """The projection that a study was measured with."""
    return Projection.load(study.file(f"projection/{PROJECTION}"))


def _measure_shard(work: Work, measurer: Measurer, folder: Path, rows: np.ndarray) -> int:
    def measure(size: int | None) -> ShardFeatures:
        measurer.batch_size = size  # a batch that suited one shard is tried first on the next
        return measurer.measure(rows)

    features = in_smaller_batches(measure, measurer.batch_size, min(len(rows), MOST_AT_ONCE), work.meter.say)
    with written_folder(folder) as part:
        for name, array in asdict(features).items():
            save_array(part / f"{name}.npy", array)
    return len(rows)


def _named_invalid(rows: np.ndarray, n: int) -> Outcome:
    notes = {"invalid_samples": len(rows), "invalid_rows": rows[:LISTED_ROWS].tolist()}
    if not len(rows):
        return Outcome(notes)
    named = ", ".join(str(row) for row in rows[:NAMED_ROWS])
    more = f" and {len(rows) - NAMED_ROWS} more" if len(rows) > NAMED_ROWS else ""
    return Outcome(
        notes,
        [
            f"{len(rows)} of {n} samples have a zero or non-finite gradient (rows {named}{more}). "
            "They have no neighbors and are left out of every sum."
        ],
    )
