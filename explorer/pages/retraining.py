"""Trainings that the app starts after decisions: child processes, as its builds are (see building). No streamlit."""

import subprocess
from functools import cache
from pathlib import Path
from shlex import quote

from explorer.pages.building import Progress
from explorer.pages.children import last_words, start_child
from explorer.study.decision import now_in_utc
from explorer.study.decisions import Decisions
from explorer.study.label_files import cleaned_labels, export_labels
from explorer.study.retrained import FOLDER, is_training, read_progress
from explorer.study.study import Study

PROGRAM = "python -m explorer"
LOG = "training.log"


class Trainer:
    """Starts trainings and tells how they are doing, also those that an earlier start of the app has left."""

    def __init__(self) -> None:
        self._children: dict[Path, subprocess.Popen] = {}

    def start(self, study: Study, seed: int) -> None:
        """Write the labels after all decisions and train with them and without, unless a training is at work.

        Raises:
            DecisionError, StudyError: the labels cannot be written or read.
        """
        if self.progress(study.path).state == "running":
            return
        place = study.path / FOLDER
        place.mkdir(exist_ok=True)
        stamp = "".join(letter for letter in now_in_utc() if letter.isdigit())[:14]
        labels = place / f"labels-{stamp}.csv"
        export_labels(Decisions.open(study), labels)
        words = train_words(study, labels, place / f"network-{stamp}.safetensors", seed)
        self._children[study.path] = start_child(words, place / LOG)

    def progress(self, folder: Path) -> Progress:
        """How the training for a study's folder is doing; `none` when none is at work and none was left."""
        child, noted = self._children.get(folder), read_progress(folder)
        exit_code = child.poll() if child else None
        done, total = noted or (0, 0)
        if (child and exit_code is None) or is_training(folder):
            return Progress("running", step="train", steps=1, done=done, total=total)
        if exit_code:
            return Progress(
                "failed", steps=1, done=done, total=total, message=last_words(folder / FOLDER / LOG, "training")
            )
        if child:
            return Progress("done", steps=1)
        return Progress("interrupted" if noted else "none", steps=1, done=done, total=total)


@cache
def trainer() -> Trainer:
    """The one trainer of this process."""
    return Trainer()


def decision_counts(study: Study) -> tuple[int, int, int]:
    """What the decisions that stand come to.

    Returns:
        How many samples somebody decided about, how many labels differ from the given ones, and how many samples are
        dropped.
    """
    decisions = Decisions.open(study)
    standing = decisions.current()
    cleaned = cleaned_labels(decisions.given, standing)
    changed = cleaned.changed(decisions.given.values)
    return len({one.row for one in standing}), int(changed.sum()), int((~cleaned.keep).sum())


def obstacle(study: Study) -> str:
    """Why the app cannot train this study's subject again, in a sentence; empty when nothing is known against it."""
    reference = study.subject["reference"]
    if reference is None:
        return (
            "This study was built from a Subject made in Python, which the app cannot load again: put it into a "
            "function of a file and train from a terminal."
        )
    file = own_file(reference)
    if file is not None and not file.is_file():
        return f"Expected the subject in {file}, found no such file. Put it back, or train from a terminal."
    if "split" not in study.samples or (study.samples["split"] == "train").all():
        return "No sample of this study is held out, so there is nothing to compare before and after on."
    if study.settings.limit is not None:
        return "This study measures only a part of its subject (--limit): build one of all samples to train again."
    return ""


def own_file(reference: str) -> Path | None:
    """The user's file that makes a subject; None for a bundled subject and for data with a model."""
    file, is_own, _ = reference.rpartition(".py:")
    return Path(f"{file}.py") if is_own and "--model" not in reference else None


def train_words(study: Study, labels: Path | str, out: Path | str, seed: int = 0) -> list[str]:
    """What to say to python for a training with a control, after the program's name."""
    reference = study.subject["reference"] or "path/to/file.py:function"
    words = ["-m", "explorer", "train", reference, "--labels", str(labels), "--out", str(out)]
    return [*words, "--study", str(study.path), *(["--seed", str(seed)] if seed else [])]


def commands(study: Study) -> list[str]:
    """The two commands that do the same as Trainer.start, to be pasted into a terminal."""
    words = train_words(study, "cleaned.csv", "retrained.safetensors")
    export = f"{PROGRAM} labels export {quote(str(study.path))} --cleaned --out cleaned.csv"
    return [export, " ".join(["python", *map(quote, words)])]
