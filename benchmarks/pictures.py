"""The pictures of the README, taken in a headless Chromium from a finished study of mnist-noisy, light and dark.

    python -m explorer build mnist-noisy --study studies/mnist-noisy
    python benchmarks/pictures.py studies/mnist-noisy

The study is copied first: what the pictures need to be decided or saved is not written into it.
"""

import argparse
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
# In place of this folder, whose statistics.py is not Python's own.
sys.path[:1] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser.rig import running_app, running_browser  # noqa: E402  (found by the line above)

from explorer.study.study import Study  # noqa: E402
from explorer.views.report.page import report_html  # noqa: E402

PICTURES = REPOSITORY / "assets" / "pictures"
SIZE = {"width": 1440, "height": 900}
SAMPLE = 3741
"""A sample whose label all of its neighbors contradict."""
SETTLED_MS = 2500
"""Until pictures have come and nothing fades any more."""


def shoot_map(page, address: str, _: Path) -> None:
    """The map with a sample chosen."""
    page.goto(f"{address}/?study=mnist-noisy&sample={SAMPLE}")
    _wait_for_map(page)


def shoot_brushed(page, address: str, _: Path) -> None:
    """The map, filtered to samples whose label is contradicted."""
    page.goto(f"{address}/?study=mnist-noisy&sample={SAMPLE}&filter=label_margin%3D0..10")
    _wait_for_map(page)


def shoot_desk(page, address: str, _: Path) -> None:
    """The desk for doubtful labels."""
    page.goto(f"{address}/labels?study=mnist-noisy")
    page.wait_for_selector(".sample[data-row]")
    page.wait_for_timeout(SETTLED_MS)


def shoot_report(page, _: str, report: Path) -> None:
    """The top of the report, as a reader opens it."""
    page.goto(report.as_uri())
    page.wait_for_timeout(SETTLED_MS)


SHOTS = {"map": shoot_map, "brushed": shoot_brushed, "desk": shoot_desk, "report": shoot_report}


def main() -> None:
    """Take all pictures in both themes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="a finished study of mnist-noisy")
    parser.add_argument("--only", choices=SHOTS, help="one picture alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "mnist-noisy"
        shutil.copytree(asked.study, study)
        report = Path(folder) / "report.html"
        report.write_text(report_html(Study.open(study)), "utf-8")
        with running_app(Path(folder), study) as address, running_browser() as browser:
            for name in [asked.only] if asked.only else SHOTS:
                for theme, ending in (("light", ""), ("dark", "-dark")):
                    page = browser.new_context(viewport=SIZE, color_scheme=theme).new_page()
                    SHOTS[name](page, address, report)
                    _save(page.screenshot(), PICTURES / f"{name}{ending}.png")
                    page.context.close()


def _wait_for_map(page) -> None:
    page.wait_for_selector("[data-painted]")
    page.wait_for_selector(".charts[data-ready]")
    page.wait_for_timeout(SETTLED_MS)


def _save(screen: bytes, path: Path) -> None:
    Image.open(BytesIO(screen)).convert("RGB").save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
