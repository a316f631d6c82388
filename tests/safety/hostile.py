"""A study in which every name, note, column and text would like to be code."""

from pathlib import Path

import pandas as pd
from pages.screen import rewritten
from synthetic import synthetic_study

from explorer.study.album import Album
from explorer.study.decisions import Decisions
from explorer.study.manifest import read_manifest
from explorer.study.study import Study

EVIL = "evil.invalid"
HOSTILE = (
    "<script>window.ran=1</script>",
    f'<img src="http://{EVIL}/a" onerror="window.ran=1">',
    f"![picture](http://{EVIL}/b)",
    "[link](javascript:window.ran=1)",
    '<svg onload="window.ran=1">',
    "\"'><b onmouseover=window.ran=1>",
    "$\\href{javascript:window.ran=1}{x}$ :red[x] :material/home: `code` **bold**",
    f"</style></title></textarea><iframe src=http://{EVIL}/c></iframe>",
)
FOLDER = f"<img src=x onerror=window.ran=1>![p](http:{EVIL})"
"""As long and as strange as a folder may be called."""


def hostile_study(folder: Path) -> Path:
    """A study in which every name, note, column and text of its subject would like to be code."""

    def with_columns(table: pd.DataFrame) -> pd.DataFrame:
        texts = pd.Series([HOSTILE[row % len(HOSTILE)] for row in range(len(table))])
        return table.assign(**{HOSTILE[1]: texts, HOSTILE[2]: 1.0, "split": texts.where(texts.index % 2 == 0, "train")})

    synthetic_study(folder, n=160, classes=len(HOSTILE), seed=2)
    every = " ".join(HOSTILE)
    named = {"class_names": list(HOSTILE), "name": every, "description": every, "reference": every}
    rewritten(folder, with_columns, **named, feature_names=[*HOSTILE])
    manifest = read_manifest(folder)
    for step in manifest.steps.values():
        step.warnings.append(every)
    manifest.versions[HOSTILE[0]] = every
    manifest.coverage[HOSTILE[1]] = every
    (folder / "manifest.json").write_bytes(manifest.to_json())
    decisions = Decisions.open(Study.open(folder))
    decisions.decide([0, 1, 2], "relabel", 3, every, HOSTILE[1])
    decisions.decide([1], "drop", note=every, who=HOSTILE[2])
    album = Album.open(Study.open(folder))
    for row, text in enumerate(HOSTILE):
        album.save(name=text, note=every, page="map", color=text, filter=f"split={HOSTILE[0]}", who=text)
        album.pick(row, every, text)
    return folder
