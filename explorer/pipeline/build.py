"""Build a study: which steps there are, in which order, what each needs, and which of them are already done."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from explorer.errors import EngineError, ExplorerError, SettingsError, StudyMismatch
from explorer.features.memory import is_out_of_memory
from explorer.pipeline.engines import check_engine, opened_engine
from explorer.pipeline.exact import exact_similarity, layer_shares, similarity_gradient
from explorer.pipeline.features import measure_fidelity, write_features, write_projection
from explorer.pipeline.first import first_manifest
from explorer.pipeline.folder import opened_folder, settings_for
from explorer.pipeline.neighbors import write_layout, write_neighbors
from explorer.pipeline.previews import write_previews
from explorer.pipeline.progress import Meter, ProgressFile, Watcher, peak_memory_bytes
from explorer.pipeline.samples import write_samples
from explorer.pipeline.statistics import write_statistics
from explorer.pipeline.work import Outcome, Work
from explorer.records import Settings
from explorer.study.manifest import Manifest, StepRecord
from explorer.study.steps import PART, STEP_NAMES, with_ending
from explorer.study.study import Study
from explorer.study.writer import StudyWriter
from explorer.subjects import Subject


@dataclass(frozen=True)
class Step:
    """One part of a study."""

    name: str
    run: Callable[[Work], Outcome]
    makes: str | None
    """The folder or file that comes out; None when only the manifest does."""
    needs: tuple[str, ...] = ()
    """Steps whose results it reads."""
    settings: tuple[str, ...] = ()
    """Settings that change its result."""
    resumes: bool = False
    """Whether what it began is taken up again, shard by shard."""


STEPS = (
    Step("previews", write_previews, "previews", settings=("limit",)),
    Step(
        "projection",
        write_projection,
        "projection",
        settings=("dim", "outputs", "limit", "seed", "calibration", "coordinates"),
    ),
    Step("features", write_features, "features", ("projection",), ("limit", "shard_size", "storage"), resumes=True),
    Step("neighbors", write_neighbors, "neighbors", ("previews", "features"), ("neighbors",)),
    Step(
        "statistics",
        write_statistics,
        "statistics",
        ("projection", "features", "neighbors"),
        ("exact_density",),
    ),
    Step("layout", write_layout, "layout", ("neighbors",), ("seed",)),
    Step("fidelity", measure_fidelity, None, ("projection",), ("limit", "seed", "storage")),
    Step("samples", write_samples, "samples.parquet", ("features", "statistics", "layout")),
)


def build(
    subject: Subject,
    path: str | Path,
    *,
    settings: Settings | None = None,
    redo: str | None = None,
    progress: Watcher | None = None,
    address: str | None = None,
) -> Study:
    """Measure a subject into a study; resumes one that is not finished, and returns at once when it is.

    Args:
        subject: what to measure.
        path: folder of the study; made when it is not there.
        settings: what to measure; when left out those of the study in the folder, or the defaults.
        redo: name of a step to make anew. Its old result stays until the new one is whole; steps made from it follow
            when it came out different. Settings that only these steps use may differ from the study's.
        progress: is told of every advance.
        address: of the Ray cluster that runs the shards when the settings say so: auto or HOST:PORT; None starts one
            on this machine. It then needs the study on a path that all its machines share.

    Returns:
        The finished study, every file of it held against its checksum.

    Raises:
        SettingsError: the settings or the name of the step cannot be used.
        SubjectError: the subject cannot be measured.
        StudyError: the folder cannot be written, holds something else, or another build is at work on it.
        StudyMismatch: the folder holds a study of another subject or of other settings, or is damaged.
        EngineError: Ray is not installed or does not answer, or memory does not suffice.

    Cost: about c + 1 passes over the data, and the neighbor search, O(n^2 d) up to 131,072 samples, O(n^1.5 d) beyond.
    Memory: at most 1 GiB of features while all pairs are compared, (d + 8) n bytes while an index is searched but no
    more than a quarter of what is free (the rest on the disk), and some hundred bytes a sample for its columns and
    neighbors.
    """
    folder = Path(path)
    settings = settings_for(folder) if settings is None else settings
    check_engine(settings, address)
    _check_step(redo)
    with opened_folder(folder, partial(first_manifest, subject, folder, settings)) as writer:
        _check_study(writer.manifest, subject, settings, redo)
        watched = ProgressFile(folder)
        with _reported(watched):
            _run_missing(writer, subject, settings, redo, address, [watched, *([progress] if progress else [])])
    asked = {"exact": exact_similarity, "shares": layer_shares, "slopes": similarity_gradient}
    study = Study.open(folder, **{name: partial(answer, subject=subject) for name, answer in asked.items()})
    study.verify()
    return study


def step_keys(settings: Settings, fingerprint: str) -> dict[str, str]:
    """The key of each step: it changes with the settings that the step uses, the steps that it needs, the subject."""
    keys: dict[str, str] = {}
    for step in STEPS:
        used = {name: getattr(settings, name) for name in step.settings}
        content = json.dumps([step.name, used, [keys[need] for need in step.needs], fingerprint], sort_keys=True)
        keys[step.name] = hashlib.sha256(content.encode()).hexdigest()
    return keys


def followers_of(name: str) -> list[str]:
    """The steps that are made from a step, directly or by way of others, in order."""
    found: list[str] = []
    for step in STEPS:
        if {name, *found} & set(step.needs):
            found.append(step.name)
    return found


def _run_missing(
    writer: StudyWriter,
    subject: Subject,
    settings: Settings,
    redo: str | None,
    address: str | None,
    watchers: list[Watcher],
) -> None:
    kept = settings if writer.manifest.settings.differences(settings) else writer.manifest.settings
    keys = step_keys(settings, writer.manifest.subject["fingerprint"])
    for number, step in enumerate(STEPS, start=1):
        record = writer.manifest.steps.get(step.name)
        if record is not None and record.key == keys[step.name] and step.name != redo:
            continue
        meter = Meter(watchers, step.name, number, len(STEPS), writer.manifest.subject["samples"])
        part = _part_of(writer, step, keys[step.name])
        with opened_engine(settings, address) as run:
            outcome = _run(step, Work(subject, settings, Study.open(writer.folder), part, run, meter))
        done = StepRecord(keys[step.name], meter.seconds, peak_memory_bytes(), outcome.notes, outcome.warnings)
        writer.commit(step.name, done, step.makes, followers=followers_of(step.name), settings=kept, **outcome.facts)
        meter.finish()
    writer.drop_parts()


def _run(step: Step, work: Work) -> Outcome:
    try:
        return step.run(work)
    except ExplorerError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise EngineError(
                f"memory must suffice for the step {step.name}, found that it does not ({error}). Close other programs "
                "or measure fewer samples with --limit; what is done is kept."
            ) from error
        raise


@contextmanager
def _reported(watched: ProgressFile) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        watched.stop("interrupted", "The build was interrupted; build again to go on.")
        raise
    except ExplorerError as error:
        watched.stop("failed", str(error))
        raise
    except Exception as error:
        watched.stop("failed", f"{type(error).__name__}: {error}")
        raise
    watched.remove()


def _part_of(writer: StudyWriter, step: Step, key: str) -> Path:
    if step.makes == step.name:
        return writer.part(step.name, key, resume=step.resumes)
    return with_ending(writer.folder / (step.makes or step.name), PART)


def _check_step(redo: str | None) -> None:
    if redo is not None and redo not in STEP_NAMES:
        raise SettingsError(f"redo must name a step ({', '.join(STEP_NAMES)}), found {redo!r}. Name one of these.")


def _check_study(manifest: Manifest, subject: Subject, settings: Settings, redo: str | None) -> None:
    if manifest.subject["fingerprint"] != subject.fingerprint():
        raise StudyMismatch(
            f'study "{manifest.name}" was made of {manifest.subject["name"]} with other weights, labels or inputs '
            f"than {subject.name} has now. Build into another folder."
        )
    differences = manifest.settings.differences(settings)
    redone = set() if redo is None else {redo, *followers_of(redo)}
    fixed = {name for step in STEPS if step.name not in redone for name in step.settings}
    changed = {
        one.name for one in fields(Settings) if getattr(settings, one.name) != getattr(manifest.settings, one.name)
    }
    if differences and (redo is None or changed & fixed):
        lines = "".join(f"\n  {line};" for line in differences)
        raise StudyMismatch(
            f'study "{manifest.name}" was built with other settings:{lines}\n'
            "build into another folder, leave these options out, or name the step to make anew with --redo."
        )
