"""Step samples: the one table, a row a sample."""

import numpy as np
import pandas as pd

from explorer.columns import COLUMNS
from explorer.pipeline.answers import numbered
from explorer.pipeline.work import Outcome, Work


def write_samples(work: Work) -> Outcome:
    """Write `samples.parquet`: labels, predictions, every statistic, the place on the map, and the subject's own."""
    columns = {**_own_columns(work), **_given_columns(work), **_measured_columns(work)}
    known = [name for name in COLUMNS if name in columns]
    others = [name for name in columns if name not in COLUMNS]
    pd.DataFrame({name: columns[name] for name in known + others}).to_parquet(work.part, index=False)
    return Outcome()


def _own_columns(work: Work) -> dict[str, np.ndarray]:
    return {name: values[: work.n] for name, values in work.subject.columns.items()}


def _given_columns(work: Work) -> dict[str, np.ndarray]:
    targets = work.subject.targets[: work.n]
    if work.subject.task == "classification":
        columns = {"label": targets}
    else:
        columns = numbered("target", targets.reshape(len(targets), -1))
    return columns if work.subject.split is None else {**columns, "split": work.subject.split[: work.n]}


def _measured_columns(work: Work) -> dict[str, np.ndarray]:
    names = [name for name in work.study.manifest.entries("statistics") if len(work.study.array(name).shape) == 1]
    columns = {name.removeprefix("statistics/"): np.asarray(work.study.array(name)) for name in names}
    coordinates = work.study.array("layout/coordinates")
    return {**columns, "x": coordinates[:, 0], "y": coordinates[:, 1]}
