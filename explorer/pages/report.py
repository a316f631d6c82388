"""A report to send, and the study's figures as files. Part of Present."""

import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from explorer.errors import ExplorerError
from explorer.pages.state import plain
from explorer.pages.tiles import file_name
from explorer.study.study import Study
from explorer.views.report.drawing import WIDTH
from explorer.views.report.figures import Figure, figures
from explorer.views.report.page import report_html

MAKING = "report_of_this_session"
SECONDS_BETWEEN_LOOKS = 0.5
_ONE_AT_A_TIME = threading.Lock()
"""Reports of several visitors are made one after the other: together they would take the memory of all at once."""

# The drawing itself is the file. For a PNG it is drawn once more, twice as large, on the background of the page.
_SCRIPT = """
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root"), drawn = root.querySelector(".drawn");
  if (root.shown !== data.svg) drawn.innerHTML = root.shown = data.svg;
  const save = (blob, ending) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${data.file}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const vector = (text) => new Blob([text], { type: "image/svg+xml" });
  const svg = root.querySelector(".svg"), png = root.querySelector(".png");
  svg.setAttribute("aria-label", `Save as SVG: ${data.title}`);
  png.setAttribute("aria-label", `Save as PNG: ${data.title}`);
  svg.onclick = () => save(vector(data.svg), "svg");
  png.onclick = async () => {
    const look = getComputedStyle(root);
    const ground = look.getPropertyValue("--st-background-color").trim() || "#ffffff";
    const copy = drawn.firstElementChild.cloneNode(true);
    const [, , width, height] = copy.getAttribute("viewBox").split(" ").map(Number);
    Object.assign(copy.style, { color: look.color, background: ground });
    copy.setAttribute("width", 2 * width);
    copy.setAttribute("height", 2 * height);
    const image = new Image(), canvas = document.createElement("canvas");
    image.src = URL.createObjectURL(vector(new XMLSerializer().serializeToString(copy)));
    await image.decode();
    canvas.width = Math.round(2 * width);
    canvas.height = Math.round(2 * height);
    const pen = canvas.getContext("2d");
    pen.fillStyle = ground;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((blob) => save(blob, "png"));
  };
}
"""
_STYLE = f"""
.root {{ color: var(--st-text-color, inherit); font-family: var(--st-font, inherit); }}
.drawn svg {{ display: block; width: 100%; max-width: {round(WIDTH * 1.3)}px; }}
.files {{ display: flex; gap: 8px; margin-top: 6px; }}
.files button {{
  padding: 4px 12px; font: inherit; font-size: 14px; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--st-border-color, rgba(128, 128, 128, 0.5)); border-radius: 6px; min-height: 32px;
}}
.files button:hover {{ border-color: var(--st-primary-color); color: var(--st-primary-color); }}
.files button:focus-visible {{ outline: 2px solid var(--st-primary-color); outline-offset: 2px; }}
"""
_BODY = (
    '<div class="root"><div class="drawn"></div><div class="files"><button type="button" class="svg">SVG</button>'
    '<button type="button" class="png">PNG</button></div></div>'
)
_drawing = st.components.v2.component("explorer_drawing", html=_BODY, css=_STYLE, js=_SCRIPT)


@dataclass
class Making:
    """A report that a thread makes; everything but the study is written by that thread alone."""

    study: Study
    share: float = 0.0
    words: str = "Waiting for another report to be done"
    content: bytes = b""
    """The page in UTF-8; empty until it is done."""
    seconds: float = 0.0
    trouble: str = ""
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._make, name="report", daemon=True)
        self.thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread is still at it."""
        return self.thread.is_alive()

    def _make(self) -> None:
        with _ONE_AT_A_TIME:
            started = time.perf_counter()
            try:
                self.content = report_html(self.study, progress=self._note).encode("utf-8")
            except ExplorerError as error:
                self.trouble = str(error)
            except Exception as error:
                self.trouble = f"The report could not be made: {type(error).__name__}: {error}"
                raise
            self.seconds = time.perf_counter() - started

    def _note(self, share: float, words: str) -> None:
        self.share, self.words = share, words


def show_report(study: Study) -> None:
    """The report with its button, then the figures one by one."""
    st.header("Report", anchor=False)
    st.markdown(
        "One page that tells the story of this study to people who were not there: map, figures, doubtful labels, the "
        "saved views and picked samples above. It needs no network and no other file, opens from a mail, and prints.",
        width=860,
    )
    _show_making(study)
    st.header("Figures", anchor=False)
    with st.spinner("Drawing the figures …"):
        drawn = figures(study)
    if not drawn:
        st.info("This study has no numbers to draw yet: finish its build first.", icon=":material/info:")
    for start in range(0, len(drawn), 2):
        for place, figure in zip(st.columns(2, gap="large"), drawn[start : start + 2], strict=False):
            with place:
                _show_figure(study, figure)


def _show_making(study: Study) -> None:
    making = st.session_state.get(MAKING)
    if making is None or making.study.version != study.version or making.study.path != study.path:
        st.button("Make the report", type="primary", icon=":material/description:", on_click=_start, args=(study,))
    elif making.is_running:
        _watch()
    elif making.trouble:
        st.error(plain(making.trouble), icon=":material/error:")
        st.button("Try again", icon=":material/refresh:", on_click=_start, args=(study,))
    else:
        _show_made(study, making)


def _start(study: Study) -> None:
    st.session_state[MAKING] = Making(study)


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch() -> None:
    making = st.session_state[MAKING]
    if not making.is_running:
        st.rerun(scope="app")
    st.progress(min(max(making.share, 0.0), 1.0), text=f"{making.words} …")


def _show_made(study: Study, making: Making) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download the report",
            making.content,
            file_name=f"{file_name(study.name)}-report.html",
            mime="text/html",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button("Make it again", icon=":material/refresh:", on_click=_start, args=(study,))
        st.markdown(f"{_size(len(making.content))}, made in {making.seconds:.1f} s", width="content")
    st.caption("It holds what was saved, picked and decided when it was made.")


def _show_figure(study: Study, figure: Figure) -> None:
    st.markdown(f"**{plain(figure.title)}**")
    data = {"svg": str(figure.svg), "title": figure.title, "file": f"{file_name(study.name)}-{figure.name}"}
    _drawing(key=f"drawing-{figure.name}", data=data)
    st.caption(plain(figure.caption))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 950_000 else f"{max(count / 1e3, 1):.0f} kB"
