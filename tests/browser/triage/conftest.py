"""The desk in a real browser: an app with three studies, and a copy of one for each test."""

import shutil

import numpy as np
import pytest
from browser.rig import running_app
from browser.triage.hand import AS_GRACE, MARKUP
from pages.screen import as_regression, rewritten
from synthetic import synthetic_study

from explorer.study.study import Study


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """Three studies: few classes, more classes than there are digits, and numbers in place of classes."""
    folder = tmp_path_factory.mktemp("triage")
    synthetic_study(folder / "studies" / "few", n=600, classes=4)
    many = synthetic_study(folder / "studies" / "many", n=900, classes=12)
    rewritten(many, lambda table: table, class_names=[f"kind {number} {MARKUP}" for number in range(12)])
    numbers = as_regression(synthetic_study(folder / "studies" / "numbers", n=300, classes=4))
    rewritten(numbers, lambda table: table.assign(suspicion=rising(table), target_residual=4 * rising(table)))
    return folder


def rising(table):
    return np.linspace(0, 1, len(table))


@pytest.fixture(scope="package")
def address(folder):
    with running_app(folder) as address:
        yield address


@pytest.fixture
def fresh(folder):
    """A copy of a study that nobody has decided about yet."""

    def fresh(name):
        studies = folder / "studies"
        return Study.open(shutil.copytree(studies / name, studies / f"{name}-{len(list(studies.iterdir()))}"))

    return fresh


@pytest.fixture
def study(fresh):
    return fresh("few")


@pytest.fixture
def desk(open_page, study):
    """Opens the desk on a study."""

    def desk(query="", before=AS_GRACE, study=study):
        page = open_page(f"/labels?study={study.path.name}{query}", painted=False, before=before)
        page.wait_for_selector(".sample[data-row]")
        return page

    return desk
