"""A build that is killed loses nothing that was whole, and ends as if it had never been killed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from folders import bytes_of, content_of

from explorer.errors import StudyNotFound
from explorer.pipeline.build import build
from explorer.study.study import Study

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST = {
    "first:1": 0,  # before the first manifest
    "first:4": 0,  # before the folder of previews
    "first:5": 0,  # before the manifest that names it
    "first:13": 2,  # before the third shard
    "first:16": 4,  # before the folder of all shards
    "first:17": 0,  # before the manifest that names it
    "first:24": 0,  # before the folder of statistics
}
"""Where a build is killed, and how many whole shards it leaves in an unfinished step."""
REDO = ("features:3", "features:7", "features:8", "features:9", "samples:2", "samples:3")
"""Between two shards; then, with the new features whole: before the old ones are away, before the new ones are there,
before the manifest that names them; the same of a single file."""

WHOLE_SHARD = re.compile(r"features\.part/\d+/")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork and be killed")


@pytest.fixture(scope="module")
def killed(tiny_study, tmp_path_factory):
    """Folder with one killed build for each of the names above."""
    folder = tmp_path_factory.mktemp("killed")
    for name in REDO:
        shutil.copytree(tiny_study.path, folder / name)
    script = Path(__file__).with_name("killed_builds.py")
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    words = [sys.executable, str(script), str(folder), *FIRST, *REDO]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [f"{name} killed" for name in (*FIRST, *REDO)], done.stderr
    return folder


@pytest.mark.parametrize(("name", "shards"), FIRST.items())
def test_a_killed_build_ends_bit_identical_to_an_unbroken_one(killed, tiny_study, name, shards):
    folder = killed / name
    in_shards = [path for path in bytes_of(folder) if WHOLE_SHARD.match(path)]
    assert len(in_shards) == 5 * shards
    whole = [path for path in bytes_of(folder) if path.split("/")[0] in done_steps(folder)] + in_shards
    before = {path: (folder / path).stat().st_ino for path in whole}
    build(tiny.subject(), folder, settings=tiny.SETTINGS)
    assert content_of(folder) == content_of(tiny_study.path)
    after = {path: (folder / path.replace("features.part", "features")).stat().st_ino for path in whole}
    assert after == before, "what was whole is kept, not made again"


@pytest.mark.parametrize("name", REDO)
def test_a_killed_redo_ends_bit_identical_too(killed, tiny_study, name):
    build(tiny.subject(), killed / name, settings=tiny.SETTINGS)
    Study.open(killed / name).verify()
    assert content_of(killed / name) == content_of(tiny_study.path)


def done_steps(folder):
    try:
        return Study.open(folder).manifest.steps
    except StudyNotFound:
        return {}
