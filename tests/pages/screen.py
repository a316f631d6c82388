"""Pages on a made-up study, without a browser: what stands on the screen, as text, figures and pictures."""

import base64
import json
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest
from synthetic import synthetic_study

from explorer.study.manifest import StepRecord
from explorer.study.steps import PART, with_ending
from explorer.study.writer import StudyWriter

N = 240
WORDS = ("title", "header", "subheader", "caption", "markdown", "info", "error", "warning", "success", "html", "latex")


def made_up_study(folder: Path) -> Path:
    return synthetic_study(folder, n=N, classes=4, seed=3)


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def rewritten(folder: Path, change, **subject) -> Path:
    """The study with another samples table, and with other facts about its subject."""
    writer = StudyWriter.resume(folder)
    table = change(pd.read_parquet(folder / "samples.parquet"))
    table.to_parquet(with_ending(folder / "samples.parquet", PART), index=False)
    record = StepRecord("rewritten", 0.0, 0)
    writer.commit("samples", record, "samples.parquet", subject={**writer.manifest.subject, **subject})
    return folder


def noted(folder: Path, step: str, **notes) -> Path:
    """The study with other notes on one of its steps."""
    writer = StudyWriter.resume(folder)
    before = writer.manifest.steps[step]
    part = writer.part(step, "noted")
    for source in (folder / step).rglob("*.npy"):
        target = part / source.relative_to(folder / step)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    writer.commit(step, StepRecord("noted", 0.0, 0, {**before.notes, **notes}), step)
    return folder


def as_regression(folder: Path) -> Path:
    """The same samples with a number in place of the class."""

    def with_targets(table: pd.DataFrame) -> pd.DataFrame:
        classes = ["label", "true_label", "flipped", "confidence", "suspicion", "suggested_label"]
        doubts = ["suggested_probability", "label_margin", "neighbor_disagreement", "given_label_loss"]
        targets = table["label"] + np.linspace(0, 0.5, len(table))
        return table.drop(columns=classes + doubts).assign(target=targets, prediction=targets + 0.25)

    return rewritten(folder, with_targets, task="regression", class_names=None)


def page(name: str, folder: Path, **params: str) -> AppTest:
    """A page, run once, with the given selection in its address."""

    def script(name: str, folder: str) -> None:
        import importlib

        from explorer.pages import state
        from explorer.study.study import Study

        state.follow_url(name)
        with state.errors_on_screen():
            importlib.import_module(f"explorer.pages.{name}").show(Study.open(folder))

    test = AppTest.from_function(script, args=(name, str(folder)), default_timeout=60)
    for key, value in params.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test


def words(test: AppTest) -> str:
    """All text on the page, markup left in."""
    return "\n".join(unescape(str(element.value)) for kind in WORDS for element in test.get(kind))


def figures(test: AppTest) -> list[go.Figure]:
    return [go.Figure(_decoded(json.loads(element.proto.spec))) for element in test.get("plotly_chart")]


def alternatives(test: AppTest) -> list[str]:
    return [element.proto.alt for element in test.get("plotly_chart")]


def galleries(test: AppTest) -> list[str]:
    """The HTML of each row of pictures."""
    return [json.loads(element.proto.json)["html"] for element in test.get("bidi_component")]


def shown_rows(gallery: str) -> list[int]:
    return [int(row) for row in re.findall(r'data-row="(\d+)"', gallery)]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(bytes(content))


def _decoded(value):
    """Plotly writes arrays as base64; a test wants numbers."""
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        return array.reshape([int(size) for size in value["shape"].split(",")]) if "shape" in value else array
    return {name: _decoded(one) for name, one in value.items() if name != "template"}
