"""Steps projection, features and fidelity: the ones that need the network's gradients."""

import socket
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import numpy as np

from explorer.errors import StudyError
from explorer.features import Measurer, Projection, calibrate, fidelity_report, with_unseen
from explorer.features.calibration import MOST_AT_ONCE
from explorer.features.memory import in_smaller_batches
from explorer.features.network import chosen_device
from explorer.features.shards import ShardFeatures
from explorer.pipeline.engines import Say
from explorer.pipeline.work import Outcome, Work
from explorer.records import Settings
from explorer.study.saving import save_array
from explorer.study.steps import PART, publish, remove
from explorer.study.study import Study
from explorer.subjects import Subject

PROJECTION = "projection.safetensors"
FIDELITY_ROWS = 256
NAMED_ROWS = 10
LISTED_ROWS = 1000


@dataclass(frozen=True)
class ShardMeasuring:
    """Measures one shard after another and writes each to its place, in this process or in one that it was sent to."""

    subject: Subject
    projection: Projection
    settings: Settings

    @property
    def gpus(self) -> int:
        """How many each worker needs."""
        return int(self.settings.device == "cuda")

    @cached_property
    def measurer(self) -> Measurer:
        """Ready when it is first needed, in the process that needs it."""
        return Measurer(self.subject, self.projection, self.settings)

    def __call__(self, shard: tuple[Path, np.ndarray], say: Say) -> int:
        """How many samples were measured.

        Args:
            shard: the folder to make, and [m] row numbers.
            say: is told when memory does not suffice for a batch.

        Raises:
            StudyError: the study is not here.
        """
        folder, rows = shard
        if not folder.parent.is_dir():
            raise StudyError(
                f"expected {folder.parent} on every machine that measures, found none on {socket.gethostname()}. "
                "Put the study on a path that all of them share."
            )
        if not folder.exists():  # else a worker that was written off had come to its end after all
            _write_shard(folder, self._measured(rows, say))
        return len(rows)

    def _measured(self, rows: np.ndarray, say: Say) -> ShardFeatures:
        measurer = self.measurer

        def measure(size: int | None) -> ShardFeatures:
            measurer.batch_size = size  # a batch that suited one shard is tried first on the next
            return measurer.measure(rows)

        return in_smaller_batches(measure, measurer.batch_size, min(len(rows), MOST_AT_ONCE), say)


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
    device = chosen_device(work.settings.device).type  # one kind for all shards, whoever measures them
    measuring = ShardMeasuring(work.subject, stored_projection(work.study), replace(work.settings, device=device))
    part = work.part.absolute()  # for a worker that was started elsewhere
    shards = [(part / f"{number:04d}", rows) for number, rows in enumerate(work.shards)]
    missing = [shard for shard in shards if not shard[0].exists()]
    done = work.n - sum(len(rows) for _, rows in missing)
    work.meter.resume(done)
    with closing(work.run(measuring, missing, work.meter.say)) as results:
        for measured in results:
            done += measured
            work.meter.advance(done)
    for leftover in part.glob(f"*{PART}"):
        remove(leftover)
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


def _write_shard(folder: Path, features: ShardFeatures) -> None:
    # Under a name of its own: a worker that was written off may still be writing the same shard, or be done with it.
    part = folder.with_name(f"{folder.name}-{uuid4().hex[:8]}{PART}")
    try:
        part.mkdir()
        for name, array in asdict(features).items():
            save_array(part / f"{name}.npy", array)
        publish(part, folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        remove(part)


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
