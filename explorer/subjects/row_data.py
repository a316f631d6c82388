"""Tables and saved arrays as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import TensorDataset

from explorer.errors import SubjectError
from explorer.subjects.arrays import read_arrays
from explorer.subjects.tables import Coding, TableRule, read_table
from explorer.subjects.targets import coded_labels, numbered_classes, split_words


def table_fields(
    table: pd.DataFrame,
    source: str,
    rule: TableRule,
    *,
    target: Sequence[str],
    ignore: Sequence[str],
    split: str | None,
    task: str | None,
) -> dict[str, Any]:
    """What a Subject needs to know about a table: dataset, labels, class and feature names, split, read.

    Args:
        table: a row a sample; all columns but the named ones are features.
        source: where it comes from, for messages.
        rule: how columns become numbers.
        target: the column of labels, or several columns of targets.
        ignore: columns that are left out.
        split: a column that says train, or anything else for held out.
        task: classification, regression, or None to be told by the target.
    """
    aside = [*target, *ignore, *([split] if split else [])]
    unknown = next((name for name in aside if name not in table.columns), None)
    if unknown is not None or not target:
        raise SubjectError(
            f"{source} has columns {', '.join(table.columns[:20])}{', …' if len(table.columns) > 20 else ''}, found "
            + (f"none called {unknown!r}. Name one of these." if target else "no target named. Add --target COLUMN.")
        )
    labels, class_names = coded_labels(table[list(target)], task, source)
    features = table.drop(columns=aside)
    coding = Coding.fitted(features, rule)
    return {
        "dataset": TensorDataset(torch.from_numpy(coding.features(features, source))),
        "labels": labels,
        "class_names": class_names,
        "feature_names": coding.feature_names,
        "split": None if split is None else split_words(table[split]),
        "kind": "row",
        "read": lambda path: torch.from_numpy(coding.features(read_table(path), str(path))),
        "description": _described(coding),
    }


def archive_fields(path: Path, task: str | None) -> dict[str, Any]:
    """What a Subject needs to know about a .npz archive with arrays x and y, in the network's own numbers.

    Optional are split (texts, train or anything else for held out) and class_names (texts).
    """
    arrays = read_arrays(path)
    for name in ("x", "y"):
        if name not in arrays:
            raise SubjectError(f"{path} must hold arrays x and y, found {', '.join(arrays) or 'none'}. Name them so.")
    inputs, labels = arrays["x"], arrays["y"]
    if inputs.ndim == 0 or inputs.dtype.kind not in "biuf":
        raise SubjectError(f"x of {path} must be numbers [samples, ...], found {_in_words(inputs)}. Convert it.")
    class_names = arrays["class_names"].tolist() if "class_names" in arrays else None
    if labels.dtype.kind in "US":
        labels, class_names = numbered_classes(labels.astype(str).reshape(-1))
    return {
        "dataset": inputs,
        "labels": labels.astype(np.float64) if task == "regression" else labels,
        "class_names": class_names,
        "split": split_words(arrays["split"].astype(str)) if "split" in arrays else None,
        "description": "Inputs are the numbers of the file as they are.",
    }


def _described(coding: Coding) -> str:
    rule, worded = coding.rule, sum(bool(column.words) for column in coding.columns)
    said = [f"{len(coding.columns) - worded} columns of numbers" + (" (standardized)" if rule.standardize else "")]
    if worded:
        said.append(f"{worded} of words ({rule.categories})")
    gaps = {"refuse": "", "mean": " Missing numbers are the column's mean.", "zero": " Missing numbers are zero."}
    return f"{' and '.join(said)} make {len(coding.feature_names)} features.{gaps[rule.missing]}"


def _in_words(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"
