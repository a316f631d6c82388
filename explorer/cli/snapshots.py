"""The verb that measures the snapshots of a training; what it needs is loaded when it is called."""

import sys
from argparse import Namespace
from dataclasses import asdict, replace

import explorer
from explorer.cli.own import subject_words
from explorer.cli.printing import print_json, print_table
from explorer.errors import StudyMismatch
from explorer.study.snapshots import snapshots_path, write_snapshots


def measure_snapshots_of(options: Namespace) -> None:
    """Measure every snapshot of a training, and keep the table in the study."""
    from explorer.pipeline.progress import ProgressPrinter
    from explorer.pipeline.snapshots import measure_snapshots, snapshot_files

    files = snapshot_files(options.folder)
    study = explorer.open_study(options.study)
    subject = explorer.load_subject(subject_words(options))
    if subject.fingerprint() != study.subject["fingerprint"]:
        raise StudyMismatch(
            f"expected a study of {subject.name} as it is now in {options.study}, found one of other weights, labels "
            "or inputs. Name the study that was built from this subject."
        )
    printer = ProgressPrinter(sys.stderr)
    settings = study.settings if options.device is None else replace(study.settings, device=options.device)
    found = measure_snapshots(
        subject,
        files,
        most=options.samples,
        settings=settings,
        progress=printer,
        told=lambda done, total: print(f"snapshot {done}/{total}", file=sys.stderr),
    )
    path = snapshots_path(study.path)
    write_snapshots(path, found)
    if options.json:
        print_json({"facts": asdict(found.facts), "snapshots": found.table.to_dict("records")})
        return
    print_table(found.table)
    print(f"{path}: {len(found.table)} snapshots on {found.facts.samples:,} of {found.facts.all_samples:,} samples")
    print(f"see them: streamlit run app.py -- {study.path}, page Training")
