"""What the documents say is true: commands run, verbs are documented, links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.cli.options import command_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=environment())
    assert done.returncode == 0, f"{command}: {done.stderr}"


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}


@pytest.mark.slow
def test_every_command_and_example_of_the_readme_runs(tmp_path):
    """In the order in which they stand, in an empty folder, as a reader would type them."""
    for one in blocks("python"):
        if one.startswith("# mine.py"):
            (tmp_path / "mine.py").write_text(one, encoding="utf-8")
    commands = [line[2:] for block in blocks("console") for line in block.splitlines()]
    assert len(commands) > 5
    for command in commands:
        program, *rest = shlex.split(command)
        run([sys.executable, *rest], tmp_path)
    first, *_ = [one for one in blocks("python") if not one.startswith("# mine.py")]
    run([sys.executable, "-c", first], tmp_path)


def test_every_verb_is_in_the_readme_or_its_help():
    """No verb is a secret: each stands in the README or is the one that trains the weights."""
    verbs = next(action for action in command_parser()._actions if action.choices).choices
    assert set(verbs) == {verb for verb in verbs if f"python -m explorer {verb}" in README}


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted((ROOT / ".github").rglob("*.md")), ids=lambda p: p.name
)
def test_links_and_named_files_exist(path):
    """Relative links, and files that are named with their folder, are there."""
    text = path.read_text(encoding="utf-8")
    linked = [one for one in re.findall(r"\]\(([^)#\s]*[./][^)#\s]*)\)", text) if "://" not in one]
    linked += re.findall(r'(?:src|srcset)="([^"]+)"', text)
    named = re.findall(r"`((?:explorer|tests|benchmarks|assets|\.github)/[\w./-]*\w\.\w+)`", text)
    missing = [one for one in linked if not (path.parent / one).exists()]
    missing += [one for one in named if not (ROOT / one).exists()]
    assert missing == []


def test_every_function_of_the_paper_table_exists():
    """The table from symbols to functions names what can be imported."""
    import explorer.similarity

    table = README.split("## From the paper's symbols to functions")[1].split("\n\n")[2]
    names = re.findall(r"`([a-z_]+)`", table)
    assert len(names) > 10
    assert [name for name in names if not hasattr(explorer.similarity, name)] == []


def test_changelog_and_licence_stand():
    """A visitor finds what changed; a lawyer finds MIT."""
    assert "## Unreleased" in (ROOT / ".github" / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
