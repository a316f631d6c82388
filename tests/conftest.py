"""What many tests share: the smallest subject, a study of it, and a made-up study of several shards."""

import os
import shutil

# Tests work on small arrays, where waiting for a second thread costs more than it brings, and many times more on a busy
# machine. Must stand before anything that loads OpenMP; child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import synthetic


@pytest.fixture(scope="session")
def tiny_subject():
    """Two layers, 60 points, CPU; loaded the way a visitor would."""
    import tiny

    from explorer.subjects import load_subject

    return load_subject(f"{tiny.__file__}:subject")


@pytest.fixture(scope="session")
def tiny_study(tiny_subject, tmp_path_factory):
    """A study of tiny_subject, built once; not to be written into."""
    import tiny

    from explorer.pipeline.build import build

    return build(tiny_subject, tmp_path_factory.mktemp("studies") / "tiny", settings=tiny.SETTINGS)


@pytest.fixture
def tiny_folder(tiny_study, tmp_path):
    """A copy of the tiny study's folder, to be changed or damaged."""
    return shutil.copytree(tiny_study.path, tmp_path / "tiny")


@pytest.fixture(scope="session")
def made_up(tmp_path_factory):
    """Folder of a made-up study of 1,200 samples in three shards; not to be written into."""
    return synthetic.synthetic_study(tmp_path_factory.mktemp("studies") / "made-up", n=1200, classes=4, dim=16)


@pytest.fixture
def small(tmp_path):
    """Folder of a made-up study of 80 samples, to be changed or damaged."""
    return synthetic.synthetic_study(tmp_path / "small", n=80, classes=3, dim=8)


@pytest.fixture
def said(capsys):
    """Runs a command in this process; gives exit code, what stood on stdout and what on stderr."""
    from explorer.cli.main import main

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def pytest_collection_modifyitems(items):
    """Browser tests come last: while a browser is open its event loop runs, and no other test can start one."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
