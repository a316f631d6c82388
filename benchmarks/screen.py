"""How long a visitor waits for the map, for a click, for a lasso, and for the next label, in a headless Chromium.

    python benchmarks/screen.py              5,000 and 100,000 points
    python benchmarks/screen.py --million    1,000,000 as well (needs 4 GB of disk and memory)
    python benchmarks/screen.py --triage     the labels alone
    python benchmarks/screen.py --study DIR  the map of a study of your own

All but yours are synthetic. `painted` counts from the moment the browser asks the server to run the page's script until
the frame with all points has been drawn; `click` from the pointer's release until the neighbors stand in the panel,
whose pictures may still be on their way; `lasso` from the release of a line around the middle of the map until the
frame that shows the others dimmed, with the count;
`label` from a key that decides until the frame with the next sample, each key pressed as soon as that frame is there.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
# In place of this folder, whose statistics.py is not Python's own.
sys.path[:1] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser.rig import colored_places, running_app, running_browser  # noqa: E402  (found by the line above)
from synthetic import synthetic_study  # noqa: E402

from explorer.study.decisions import Decisions  # noqa: E402
from explorer.study.study import Study  # noqa: E402

FLOORS = {
    100_000: {"painted_s": 1.0, "click_ms": 100, "lasso_ms": 200},
    1_000_000: {"painted_s": 4.0, "click_ms": 100},
}
"""For studies of so many samples; medians."""
LABEL_FLOOR_MS = 300
CLICKS = 20
LASSOS = 5
CORNERS = 48
LOADS = 5
LABELS = 200
KEYS = ("Enter", "k", "Enter", "3", "d", "Enter", "u", "7")
"""What a hand does at the desk, again and again."""

# Runs in the page: the time from each release of the pointer until the panel shows another sample.
WATCH = """() => {
  const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
  const panel = root.querySelector(".panel");
  window.waits = [];
  root.querySelector(".marks").addEventListener("pointerup", () => { window.released = performance.now(); }, true);
  new MutationObserver(() => requestAnimationFrame(() => window.waits.push(performance.now() - window.released)))
    .observe(panel, { attributes: true, attributeFilter: ["data-row"] });
}"""

# Runs in the page: the time from each release of a lasso until the frame with its count and its points is finished.
WATCH_LASSOS = """() => {
  const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
  window.waits = [];
  root.querySelector(".marks").addEventListener("pointerup", () => { window.released = performance.now(); }, true);
  new MutationObserver(() => requestAnimationFrame(() => {
    root.querySelector("canvas.points").getContext("webgl2").finish();
    if (window.released) window.waits.push(performance.now() - window.released);
    window.released = 0;
  })).observe(root.querySelector(".counts"), { childList: true, characterData: true, subtree: true });
}"""

# Runs in the page before anything else: the time from each key until the desk shows another sample, and all samples in
# the queue, so that there are enough of them.
WATCH_KEYS = """
  window.waits = [];
  sessionStorage.setItem("desk " + new URLSearchParams(location.search).get("study"), '{"scope": "all"}');
  window.addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);
  window.watchDesk = () => {
    const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
    const drawn = () => setTimeout(() => window.waits.push(performance.now() - window.pressed));
    new MutationObserver(() => requestAnimationFrame(drawn))
      .observe(root.querySelector(".sample"), { attributes: true, attributeFilter: ["data-row"] });
  };
"""


def measure(study: Path, folder: Path) -> dict[str, float]:
    """Seconds to the painted map and milliseconds to the neighbors; the app works in a folder."""
    with running_app(folder, study) as address, running_browser() as browser:
        loads = [load(browser, address) for _ in range(LOADS)]
        page = open_page(browser, address)[0]
        clicks = click_around(page)
        lassos = enclose_middle(page)
    painted, navigated = zip(*loads, strict=True)
    return {
        "points": Study.open(study).n,
        "painted_s": np.median(painted),
        "from_navigation_s": np.median(navigated),
        "click_ms": np.median(clicks),
        "slowest_click_ms": max(clicks),
        "clicks": len(clicks),
        "lasso_ms": np.median(lassos),
    }


def load(browser, address: str) -> tuple[float, float]:
    """Seconds from the script's start, and from navigation, until the map is painted; in a fresh browser profile."""
    page, asked_at = open_page(browser, address)
    painted_at = page.evaluate("performance.timeOrigin + performance.getEntriesByName('map-painted')[0].startTime")
    began_at = page.evaluate("performance.timeOrigin")
    page.context.close()
    return painted_at / 1000 - asked_at[0], (painted_at - began_at) / 1000


def open_page(browser, address: str):
    """A page with a painted map, and the times at which it asked for a run of the script."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    asked_at = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: asked_at.append(time.time())))
    page.goto(address)
    page.wait_for_selector("[data-painted]", timeout=120_000)
    page.wait_for_selector(".neighbor")
    return page, asked_at


def click_around(page) -> list[float]:
    """Milliseconds from each of some clicks on points to its neighbors."""
    page.evaluate(WATCH)
    for x, y in np.random.default_rng(0).permutation(colored_places(page))[:CLICKS]:
        page.mouse.click(float(x), float(y))
        page.wait_for_timeout(700)  # longer than the pause after which Python is told: the next click meets a quiet app
    return page.evaluate("window.waits")


def enclose_middle(page) -> list[float]:
    """Milliseconds from the release of each of some lassos around the middle of the map until they are shown."""
    page.evaluate(WATCH_LASSOS)
    box = page.locator(".stage").bounding_box()
    turns = np.linspace(0, 2 * np.pi, CORNERS)
    xs = box["x"] + box["width"] * (0.5 + 0.3 * np.cos(turns))
    ys = box["y"] + box["height"] * (0.5 + 0.3 * np.sin(turns))
    for count in range(LASSOS):
        page.keyboard.down("Shift")
        page.mouse.move(float(xs[0]), float(ys[0]))
        page.mouse.down()
        for x, y in zip(xs, ys, strict=True):
            page.mouse.move(float(x), float(y))
        page.mouse.up()
        page.keyboard.up("Shift")
        page.wait_for_function("count => window.waits.length > count", arg=count)
        page.wait_for_timeout(1500)  # until Python has given the lasso its name
        page.locator(".marks").press("Escape")
        page.wait_for_timeout(1500)
    return page.evaluate("window.waits")


def triage(n: int, folder: Path) -> list[float]:
    """Milliseconds from each key that decides until the next sample, for LABELS labels of a study of n samples."""
    study = synthetic_study(folder / f"labels-{n}", n)
    with running_app(folder, study) as address, running_browser() as browser:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.add_init_script(WATCH_KEYS)
        page.goto(f"{address}/labels?study={study.name}")
        page.wait_for_selector(".sample[data-row]", timeout=120_000)
        page.evaluate("window.watchDesk()")
        for count in range(LABELS):
            page.keyboard.press(KEYS[count % len(KEYS)])
            page.wait_for_function("count => window.waits.length > count", arg=count, polling=5)
        page.wait_for_selector(".sending", state="hidden")
        waits = page.evaluate("window.waits")
    decided = len(Decisions.open(Study.open(study)).current())
    if decided != LABELS:
        raise RuntimeError(f"{LABELS} labels were decided about, and {decided} decisions stand")
    return waits


def measure_triage(sizes: list[int]) -> bool:
    """Print a table; whether the floor is missed."""
    print(f"{'samples':>9}  {'label p50 ms':>12}  {'p95 ms':>8}  {'slowest ms':>10}")
    missed = False
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            p50, p95, slowest = np.percentile(triage(n, Path(folder)), [50, 95, 100])
        print(f"{n:>9,}  {p50:>12.0f}  {p95:>8.0f}  {slowest:>10.0f}   ({LABELS} labels, all on the disk)")
        missed |= p95 > LABEL_FLOOR_MS
    print(f"floor: p95 of {LABEL_FLOOR_MS} ms: {'MISSED' if missed else 'met'}")
    return missed


def main() -> int:
    """Print the tables; exit 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", action="store_true", help="also a study of a million samples")
    parser.add_argument("--triage", action="store_true", help="the labels alone")
    parser.add_argument("--study", type=Path, help="a finished study, in place of synthetic ones")
    asked = parser.parse_args()
    if asked.study:
        with tempfile.TemporaryDirectory() as folder:
            return int(tell_map([measure(asked.study.resolve(), Path(folder))]))
    sizes = [5_000, 100_000] + ([1_000_000] if asked.million else [])
    missed = not asked.triage and tell_map(measure_synthetic(n) for n in sizes)
    return int(measure_triage(sizes) or missed)


def measure_synthetic(n: int) -> dict[str, float]:
    """As measure, for a made-up study of n samples."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(synthetic_study(Path(folder) / f"points-{n}", n), Path(folder))


def tell_map(measured: Iterable[dict[str, float]]) -> bool:
    """Print a table, each line as soon as it is there; whether a floor is missed."""
    heads = ("points", "painted s", "from navigation s", "click ms", "slowest ms", "lasso ms")
    print(f"{heads[0]:>9}  " + "  ".join(heads[1:]))
    missed = []
    for found in measured:
        n = found["points"]
        print(
            f"{n:>9,}  {found['painted_s']:>9.2f}  {found['from_navigation_s']:>17.2f}  {found['click_ms']:>8.0f}  "
            f"{found['slowest_click_ms']:>10.0f}  {found['lasso_ms']:>8.0f}   ({found['clicks']} clicks)"
        )
        missed += [f"{name} at {n:,}" for name, floor in FLOORS.get(n, {}).items() if found[name] > floor]
    print(f"floors: {'MISSED ' + ', '.join(missed) if missed else 'met'}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
