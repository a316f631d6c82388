"""Twenty visitors at once on one study: how long each waits for an answer, and what the server's memory does meanwhile.

    python benchmarks/visitors.py                 100,000 points, ten minutes
    python benchmarks/visitors.py --minutes 2

Three visitors are pages in a headless Chromium, on the map: they click points, and now and then choose another color or
open another page and come back. The others ask the data routes as such a page would (a sample with its neighbors, then
colors with their legend, a filter, a picture), each over a connection of its own and with a pause to look.
`answer` is the time from a click to its neighbors: in the panel for a page, the whole response for the others.

The floor is missed when the 95th percentile of all answers is above a second, or when the server's own resident memory,
fitted by a line over the later half, grows in that half by more than GROWTH_FLOOR of what it was in the middle.
"""

import argparse
import http.client
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
# In place of this folder, whose statistics.py is not Python's own.
sys.path[:1] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from browser.rig import colored_places, running_app, running_browser  # noqa: E402  (found by the line above)
from playwright.sync_api import TimeoutError as NothingHappened  # noqa: E402
from synthetic import synthetic_study  # noqa: E402

PAGES = 3
CLIENTS = 17
ANSWER_FLOOR_MS = 1000
GROWTH_FLOOR = 0.05
PAUSE_S = (1.0, 3.0)
"""How long a visitor looks before the next click."""
LOOK_EVERY_S = 30.0
COLORS = ("label", "suspicion", "confidence", "soft_density")
FILTERS = ("label=3", "suspicion=0.5..1", "confidence=0..0.7;label=1", "soft_density=1..20")
OTHER_PAGES = ("Density", "Sample", "Labels")


class Client(threading.Thread):
    """A visitor without a screen: asks the routes until it is told to stop."""

    def __init__(self, base: str, study: dict[str, Any], seed: int, is_over: threading.Event) -> None:
        """Does nothing before it is started.

        Args:
            base: the study's data address, as the map in a page is given it.
            study: version and n, its number of samples.
            seed: of its choices.
            is_over: set when it shall stop.
        """
        super().__init__(daemon=True)
        self.address, self.study, self.is_over = urlsplit(base), study, is_over
        self.random = np.random.default_rng(seed)
        self.waits: list[float] = []
        self.trouble: Exception | None = None

    def run(self) -> None:
        """Click, look, and now and then do something else."""
        try:
            while not self.is_over.wait(self.random.uniform(*PAUSE_S)):
                self.visit()
        except Exception as trouble:  # told by the main thread, which would not hear of it otherwise
            self.trouble = trouble

    def visit(self) -> None:
        """One click, and with some chance one other question."""
        connection = http.client.HTTPConnection(self.address.netloc, timeout=60)
        row = self.random.integers(self.study["n"])
        begun = time.perf_counter()
        self.ask(connection, f"sample/{row}", "&k=24")
        self.waits.append(1000 * (time.perf_counter() - begun))
        if self.random.random() < 0.3:
            (self.recolor, self.filter, self.see_pictures)[self.random.integers(3)](connection)
        connection.close()

    def recolor(self, connection: http.client.HTTPConnection) -> None:
        """Choose another color."""
        column = self.random.choice(COLORS)
        self.ask(connection, f"codes/{column}")
        self.ask(connection, f"legend/{column}")

    def filter(self, connection: http.client.HTTPConnection) -> None:
        """Narrow what is selected."""
        self.ask(connection, "rows", f"&filter={quote(self.random.choice(FILTERS))}")

    def see_pictures(self, connection: http.client.HTTPConnection) -> None:
        """Fetch one."""
        self.ask(connection, f"picture/{self.random.integers(self.study['n'])}.png")

    def ask(self, connection: http.client.HTTPConnection, path: str, query: str = "") -> bytes:
        """The answer to one question; raises RuntimeError unless it is one."""
        connection.request("GET", f"{self.address.path}/{path}?v={self.study['version']}{query}")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}: {body[:200]!r}")
        return body


class Server:
    """Memory and processor time of the app's process, as Linux tells them."""

    def __init__(self, address: str) -> None:
        """Find the process that was started with the port of an address."""
        port = f"\0--server.port\0{urlsplit(address).port}\0".encode()
        self.process = next(one.parent for one in Path("/proc").glob("[0-9]*/cmdline") if port in _content(one))
        self.begun = time.monotonic()
        self.seen: list[tuple[float, float]] = []
        self.busy = self.seconds()

    def seconds(self) -> float:
        """Processor seconds that it has used, in user and system mode."""
        ticks = (self.process / "stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self) -> float:
        """Its own resident memory, without the files of the study that it has mapped: the system takes those back."""
        lines = dict(line.split(":", 1) for line in (self.process / "status").read_text().splitlines())
        return int(lines["RssAnon"].split()[0]) / 2**10

    def look(self) -> None:
        """Note its memory now and print a line."""
        now, busy = time.monotonic() - self.begun, self.seconds()
        memory = self.mebibytes()
        since = now - (self.seen[-1][0] if self.seen else 0.0)
        self.seen.append((now, memory))
        share = 100 * (busy - self.busy) / max(since, 1e-3)
        print(f"{now:>7.0f} s  {memory:>7.0f} MiB  {share:>4.0f} % of a core", flush=True)
        self.busy = busy

    @property
    def growth(self) -> float:
        """By what share of its memory in the middle it grew in the later half, by a line fitted to it."""
        later = np.array(self.seen[len(self.seen) // 2 :])
        slope = np.polyfit(later[:, 0], later[:, 1], 1)[0]
        return float(slope * (later[-1, 0] - later[0, 0]) / later[0, 1])


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""


# Runs in a page: what the map was given, from the addresses that it asked.
GIVEN = """() => {
  const names = performance.getEntriesByType("resource").map((one) => one.name);
  const asked = names.find((name) => name.includes("/points/"));
  return { base: asked.split("/points/")[0], version: new URL(asked).searchParams.get("v") };
}"""

# Runs in a page: a promise of the milliseconds from the next release of the pointer until another sample is shown.
NEXT_ANSWER = """() => {
  const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
  const marks = root.querySelector(".marks");
  window.answered = null;
  window.awaited?.disconnect(); // by a click that was not answered
  let released = 0;
  marks.addEventListener("pointerup", () => { released = performance.now(); }, { capture: true, once: true });
  const watcher = window.awaited = new MutationObserver(() => {
    if (!released) return; // a sample that came before the click answers nothing
    watcher.disconnect();
    requestAnimationFrame(() => { window.answered ??= performance.now() - released; });
  });
  watcher.observe(root.querySelector(".panel"), { attributes: true, attributeFilter: ["data-row"] });
}"""


class Screen:
    """A visitor with a screen: one page in its own browser profile."""

    def __init__(self, browser: Any, address: str, seed: int) -> None:
        """Open the map."""
        self.page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        self.page.goto(address)
        self.random = np.random.default_rng(seed)
        self.waits: list[float] = []
        self.come_home()

    def come_home(self) -> None:
        """Wait for the map, and find places to click."""
        self.page.wait_for_selector("[data-painted]", timeout=120_000)
        self.page.wait_for_selector(".neighbor")
        self.places = colored_places(self.page)

    def visit(self) -> None:
        """One click, and with some chance another color or another page."""
        self.page.evaluate(NEXT_ANSWER)
        x, y = self.random.permutation(self.places)[0]
        self.page.mouse.click(float(x), float(y))
        try:
            self.page.wait_for_function("window.answered !== null", timeout=5000)
            self.waits.append(self.page.evaluate("window.answered"))
        except NothingHappened:  # the point of the sample that is already shown
            return
        chance = self.random.random()
        if chance < 0.1:
            self.page.locator(".colors").select_option(str(self.random.choice(COLORS)))
        elif chance < 0.2:
            self.page.get_by_role("link", name=str(self.random.choice(OTHER_PAGES))).first.click()
            self.page.wait_for_timeout(1500)
            self.page.get_by_role("link", name="Map").first.click()
            self.come_home()


def measure(n: int, minutes: float) -> tuple[list[float], list[float], float]:
    """Milliseconds of the pages' answers and of the others', and the growth of the server's memory."""
    with tempfile.TemporaryDirectory() as folder:
        study = synthetic_study(Path(folder) / "visited", n)
        with running_app(Path(folder), study) as address, running_browser() as browser:
            return attend(browser, address, n, minutes)


def attend(browser: Any, address: str, n: int, minutes: float) -> tuple[list[float], list[float], float]:
    """As measure, on an app that runs."""
    screens = [Screen(browser, address, seed) for seed in range(PAGES)]
    given = screens[0].page.evaluate(GIVEN)
    is_over = threading.Event()
    clients = [Client(given["base"], given | {"n": n}, seed, is_over) for seed in range(PAGES, PAGES + CLIENTS)]
    server = Server(address)
    for client in clients:
        client.start()
    try:
        run(screens, server, 60 * minutes)
    finally:
        is_over.set()
    for client in clients:
        client.join(90)
        if client.trouble:
            raise client.trouble
    pages, others = ([wait for one in visitors for wait in one.waits] for visitors in (screens, clients))
    return pages, others, server.growth


def run(screens: list[Screen], server: Server, seconds: float) -> None:
    """Let the pages take turns until the time is over, and look at the server every half minute."""
    end = time.monotonic() + seconds
    next_look = time.monotonic()
    while time.monotonic() < end:
        for screen in screens:
            if time.monotonic() >= next_look:
                server.look()
                next_look += min(LOOK_EVERY_S, seconds / 8)
            screen.visit()
            screen.page.wait_for_timeout(500)
    server.look()


def main() -> int:
    """Print the table; exit 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long they stay")
    parser.add_argument("--points", type=int, default=100_000, help="samples of the study")
    asked = parser.parse_args()
    pages, others, growth = measure(asked.points, asked.minutes)
    print(f"{'visitors':>16}  {'answers':>7}  {'p50 ms':>6}  {'p95 ms':>6}  {'slowest ms':>10}")
    for name, waits in ((f"{PAGES} pages", pages), (f"{CLIENTS} others", others), ("all", pages + others)):
        p50, p95, slowest = np.percentile(waits, [50, 95, 100])
        print(f"{name:>16}  {len(waits):>7,}  {p50:>6.0f}  {p95:>6.0f}  {slowest:>10.0f}")
    print(f"memory grew by {100 * growth:.1f} % in the later half")
    is_missed = np.percentile(pages + others, 95) > ANSWER_FLOOR_MS or growth > GROWTH_FLOOR
    verdict = "MISSED" if is_missed else "met"
    print(f"floors: p95 {ANSWER_FLOOR_MS} ms, growth {100 * GROWTH_FLOOR:.0f} %: {verdict}")
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main())
