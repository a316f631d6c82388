"""One app for presentations in a real browser, and a copy of the study for each test."""

import shutil

import pytest
from browser.rig import running_app
from synthetic import synthetic_study

from explorer.study.album import Album
from explorer.study.study import Study


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    synthetic_study(folder / "studies" / "one", n=600, classes=4)
    return folder


@pytest.fixture(scope="package")
def address(folder):
    with running_app(folder) as address:
        yield address


@pytest.fixture
def study(folder):
    studies = folder / "studies"
    return Study.open(shutil.copytree(studies / "one", studies / f"one-{len(list(studies.iterdir()))}"))


@pytest.fixture
def album(study):
    return Album.open(study)


@pytest.fixture
def present(open_page, study):
    """Opens a slide of the study."""

    def present(slide=1, **looks):
        return open_page(f"/?present={slide}&study={study.path.name}", painted=False, **looks)

    return present
