"""The real app in a real browser: started, looked at, and ended. Used by the browser tests and the benchmark."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
# Software WebGL2, so that a machine without a graphics card draws the same map; the rest keeps the browser off the net.
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LOOKS = {
    "light and wide": {"color_scheme": "light"},
    "dark and narrow": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}
"""What a page is looked at in."""


def find_chromium() -> str | None:
    """Path of a Chromium: the system's, else the one that Playwright has installed; None when there is neither."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


@contextmanager
def running_browser(flags: list[str] = FLAGS) -> Iterator:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running_app(folder: Path, study: Path | None = None) -> Iterator[str]:
    """The app as `streamlit run app.py -- STUDY` starts it, working in folder; yields its address."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(REPOSITORY / "app.py"), "--server.headless", "true"]
    command += ["--server.port", str(port), *(["--", str(study)] if study else [])]
    with (folder / "app.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, folder / "app.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def colored_places(page) -> np.ndarray:
    """[m, 2] places on the page, x and y, where the map shows a colored point."""
    box = page.locator(".stage").bounding_box()
    image = np.asarray(Image.open(BytesIO(page.locator(".stage").screenshot())).convert("RGB")).astype(int)
    rows, columns = np.nonzero(image.max(axis=2) - image.min(axis=2) > 60)
    return np.stack([columns + box["x"], rows + box["y"]], axis=1)


def selected_row(page) -> int:
    return int(page.locator(".panel").get_attribute("data-row"))


def wait_for_row(page, row: int) -> None:
    page.wait_for_function(
        "row => document.querySelector('[data-testid=stBidiComponentIsolated]')"
        "?.shadowRoot.querySelector('.panel').dataset.row === String(row)",
        arg=row,
    )


def wait_until_drawn(page) -> None:
    """Wait until the page's script has run to its end, and the app's own styles are there.

    Streamlit fetches what shows a page's HTML, and with it the styles, only when there is some: on a busy machine
    that ends after the script.
    """
    page.wait_for_selector("h1")
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]")
    page.wait_for_selector("[data-testid=stHtml] style", state="attached")


STILL = """
() => {
    const moving = document.getAnimations().some(
        (one) => one.playState === "running" && Number.isFinite(one.effect.getComputedTiming().endTime));
    const running = document.querySelector(".stApp").dataset.testScriptState !== "notRunning";
    const awaited = document.querySelector("[data-testid=stSkeleton]");
    if (moving || running || awaited || !window.stillSince) window.stillSince = performance.now();
    return performance.now() - window.stillSince > 700;
}
"""


AT_ONCE = "*, *::before, *::after { transition: none !important; animation-duration: 0s !important }"
AS_FRESH = "[data-stale=true] { opacity: 1 !important }"


def wait_until_still(page) -> None:
    """Wait until the page's script has ended and nothing moves for 0.7 s, and let nothing fade from then on.

    While it is half transparent nothing has contrast, and a script may start anew while the page is examined.
    """
    wait_until_drawn(page)
    page.add_style_tag(content=AT_ONCE + AS_FRESH)
    page.wait_for_function(STILL, polling=50)


def broken_rules(page) -> list[tuple[str, ...]]:
    """What axe-core finds: weight, rule, first place and why, of each rule that the page breaks, once it is still."""
    from axe_playwright_python.sync_playwright import Axe

    wait_until_still(page)
    found = Axe().run(page).response
    assert len(found["passes"]) > 12
    return [(one["impact"], one["id"], one["nodes"][0]["html"][:200], *_reasons(one)) for one in found["violations"]]


def _reasons(broken: dict) -> list[str]:
    """Why axe-core objects to the first place of a rule, such as which two colors are too close."""
    first = broken["nodes"][0]
    return [check["message"] for check in first["any"] + first["all"] + first["none"]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not start: {log.read_text(errors='replace')[-2000:]}")
