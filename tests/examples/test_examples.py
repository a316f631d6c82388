"""The examples of the README from the first line to the study, as a reader would type them."""

import runpy
import shutil
from pathlib import Path

import pytest

import explorer
from explorer.cli.main import main

EXAMPLES = Path(__file__).parent
COMMANDS = {
    "shapes": "shapes --model shapes.py:network --weights shapes.pt --size 32 32",
    "houses": "houses.csv --target price --standardize --model houses.py:network --weights houses.safetensors",
    "reviews": "reviews.py:subject",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_runs_as_it_is_told(name, tmp_path, monkeypatch):
    """Its data and network are made, the study is built by the command in the file's own head, and asked again."""
    shutil.copy(EXAMPLES / f"{name}.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    runpy.run_path(f"{name}.py", run_name="__main__")
    told = " ".join((EXAMPLES / f"{name}.py").read_text().split()).replace("\\ ", "")
    assert f"build {COMMANDS[name]} --study studies/{name}" in told
    assert main(["build", *COMMANDS[name].split(), "--study", f"studies/{name}"]) == 0
    study = explorer.open_study(tmp_path / "studies" / name)
    study.verify()
    if study.task == "classification":
        assert (study.samples["prediction"] == study.samples["label"]).mean() > 0.9
    else:
        errors = study.samples["prediction"] - study.samples["target"]
        assert errors.std() < 0.5 * study.samples["target"].std()
    monkeypatch.chdir("/")  # the reference knows where everything lies
    assert study.exact_similarity([0], [0])[0, 0] == pytest.approx(1, abs=1e-4)
