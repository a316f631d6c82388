"""Where the inputs of the page Probe come from: a sample that is changed, files, numbers, or pasted rows."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.errors import ExplorerError, SubjectError
from explorer.pages.altered import ways_for
from explorer.pages.state import current_sample, plain, select_sample
from explorer.study.study import Study

SUFFIXES = ("png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp", "npy", "csv", "tsv")
"""What may be uploaded: nothing that unpacks to much more than it weighs."""
MOST_MEGABYTES = 16
MOST_FILES = 50
MOST_INPUTS = 200
FEW = 12
"""Inputs of at most so many numbers can be typed one by one."""
MOST_PASTED = 100_000
SURVEYED = 1000
DIGITS = "%.6g"


@dataclass(frozen=True)
class Given:
    """Inputs to be shown to the network."""

    names: list[str]
    """What each is called on the page."""
    inputs: np.ndarray
    """[m, ...] as the network receives them."""


def choose_inputs(study: Study) -> Given | None:
    """The widgets of the chosen source; None while it has nothing to show."""
    sources = _sources(study)
    name = st.segmented_control("Input", list(sources), default=next(iter(sources)), required=True, key="probe-source")
    return sources[name](study)


def input_shape(study: Study) -> tuple[int, ...]:
    """Shape of one input, without the sample axis."""
    return tuple(study.notes("previews").get("inputs", {}).get("shape", ()))


def _sources(study: Study) -> dict[str, Callable[[Study], Given | None]]:
    sources = {"A sample, changed": _changed_sample, "Files": _files}
    shape = input_shape(study)
    if len(shape) == 1 and shape[0] <= FEW:
        sources["Numbers"] = _numbers
    if len(shape) == 1:
        sources["Pasted rows"] = _pasted
    return sources


def _changed_sample(study: Study) -> Given:
    from explorer.pipeline.probe import own_inputs

    row = current_sample(study)
    own = own_inputs(study, [row])[0]
    ways = ways_for(study.subject["kind"], own.shape, own.dtype == np.int64)
    st.session_state["probe-row"] = row
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            f"Sample, 0 to {study.n - 1:,}",
            0,
            study.n - 1,
            key="probe-row",
            width=150,
            on_change=lambda: select_sample(st.session_state["probe-row"]),
        )
        title = st.segmented_control(
            "Change", list(ways), default=next(iter(ways)), required=True, key=f"probe-way-{study.version}", wrap=True
        )
        way = ways[title]
        other = _other_sample(study, row) if way.needs_other else row
    st.caption(f"{way.help} The first is the sample as it is: it must come out as its own nearest neighbor.")
    steps = way.steps(own, own_inputs(study, [other])[0], _deviation(study, study.version, way.title))
    return Given([words for words, _ in steps], np.stack([inputs for _, inputs in steps]))


def _other_sample(study: Study, row: int) -> int:
    """The row to go to: at first the nearest sample with another label."""
    near = study.neighbors(row, k=study.settings.neighbors).indices
    near = near[near >= 0]
    labels = study.samples["label"].to_numpy() if "label" in study.samples else None
    others = near if labels is None else near[labels[near] != labels[row]]
    usual = int(others[0] if len(others) else (near[-1] if len(near) else (row + 1) % study.n))
    return st.number_input(
        f"Other sample, 0 to {study.n - 1:,}", 0, study.n - 1, usual, key=f"probe-other-{row}", width=170
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _deviation(_study: Study, version: str, title: str) -> np.ndarray:
    """Standard deviation of the data: one number a value for flat inputs, one for all where values are alike."""
    rows = np.unique(np.linspace(0, _study.n - 1, SURVEYED).astype(np.int64))
    values = _study.rows("inputs", rows).astype(np.float64)
    shape = input_shape(_study)
    if len(shape) == 1 and values.shape[1] == shape[0]:
        return np.nanstd(values, axis=0)
    return np.asarray(np.nanstd(values))


def _files(study: Study) -> Given | None:
    st.caption(
        f"Pictures, .npy arrays, or .csv and .tsv tables with a row an input; up to {MOST_FILES} files of "
        f"{MOST_MEGABYTES} MB. They are read once, into memory, and nothing of them stays on the disk."
    )
    kept = f"probe-uploaded-{study.version}"
    uploaded = st.file_uploader(
        "Files",
        type=list(SUFFIXES),
        accept_multiple_files=True,
        max_upload_size=MOST_MEGABYTES,
        key=f"probe-files-{study.version}",
        label_visibility="collapsed",
        on_change=lambda: st.session_state.pop(kept, None),
    )
    if uploaded:
        # Kept for the way back from another page, where the widget has forgotten its files.
        st.session_state[kept] = _read(study, [(one.name, one.getvalue()) for one in uploaded[:MOST_FILES]])
        if len(uploaded) > MOST_FILES:
            st.warning(f"Expected at most {MOST_FILES} files at once, found {len(uploaded)}: the others are left out.")
    elif st.session_state.get(kept) and st.button("Forget these inputs", icon=":material/close:"):
        del st.session_state[kept]
    given = st.session_state.get(kept)
    if given is None and not uploaded:
        st.info("Drop files above to see them here.", icon=":material/upload_file:")
    return given


def _numbers(study: Study) -> Given:
    row, names = current_sample(study), study.subject["feature_names"]
    count = input_shape(study)[0]
    values = study.rows("inputs", [row])[0].astype(np.float64)
    deviation = np.broadcast_to(_deviation(study, study.version, ""), count)
    is_whole = _is_whole(study)
    st.caption(f"Begin with the values of sample {row}, as the network receives them, and change any of them.")
    typed = []
    with st.container(horizontal=True):
        for place in range(count):
            typed.append(
                st.number_input(
                    plain(names[place]) if names and len(names) == count else f"Value {place}",
                    value=int(values[place]) if is_whole else float(values[place]),
                    step=1 if is_whole else float(f"{deviation[place] / 10 or 0.1:.1g}"),
                    format="%d" if is_whole else DIGITS,
                    key=f"probe-value-{study.version}-{row}-{place}",
                    width=136,
                )
            )
    return Given(["these numbers"], np.array([typed], dtype=np.int64 if is_whole else np.float32))


def _pasted(study: Study) -> Given | None:
    names, count = study.subject["feature_names"], input_shape(study)[0]
    said = f", named {', '.join(map(plain, names[:4]))}{', …' if len(names) > 4 else ''}" if names else ""
    text = st.text_area(
        f"Rows of {count} values, a line an input",
        key=f"probe-text-{study.version}",
        max_chars=MOST_PASTED,
        height=140,
        help="Separated by commas, semicolons, tabs or spaces. A first line with the names of columns may stand above.",
    )
    st.caption(f"{count} columns{said}; paste from a spreadsheet or type. Then press Ctrl-Enter.")
    if not text.strip():
        return None
    given = _read(study, [("pasted rows.csv", as_table(text, names).encode())])
    return given and Given([f"row {row}" for row in range(len(given.names))], given.inputs)


def as_table(text: str, names: Sequence[str] | None) -> str:
    """Pasted rows as a table in CSV with names of columns, whatever separates the values.

    Args:
        text: lines of values; the first may hold names.
        names: of the features, if they have any; put above rows of numbers alone.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    cells = [_cells(line.strip()) for line in lines]
    if all(_is_number(cell) for cell in cells[0]):
        known = list(names) if names and len(names) == len(cells[0]) else [f"value {n}" for n in range(len(cells[0]))]
        cells.insert(0, known)
    return "\n".join(",".join(_quoted(cell) for cell in row) for row in cells) + "\n"


def _cells(line: str) -> list[str]:
    separator = next((one for one in ("\t", ";", ",") if one in line), None)
    return [cell.strip() for cell in line.split(separator)]


def _read(study: Study, files: Sequence[tuple[str, bytes]]) -> Given | None:
    """Uploaded files as inputs; one that cannot be read is told, and the others are shown."""
    names, parts = [], []
    for name, content in files:
        try:
            found = _inputs_of(study, name, content)
        except ExplorerError as trouble:
            st.warning(plain(str(trouble)), icon=":material/info:")
            continue
        parts.append(found)
        names += [name] if len(found) == 1 else [f"{name}, row {row}" for row in range(len(found))]
    if not parts:
        return None
    if len(names) > MOST_INPUTS:
        st.warning(f"Expected at most {MOST_INPUTS} inputs at once, found {len(names):,}: the first are shown.")
    return Given(names[:MOST_INPUTS], np.concatenate(parts)[:MOST_INPUTS])


def _inputs_of(study: Study, name: str, content: bytes) -> np.ndarray:
    from explorer.pipeline.probe import inputs_of_file

    suffix = Path(name).suffix.lower()
    if suffix.removeprefix(".") not in SUFFIXES:
        raise SubjectError(f"files must end in {', '.join(SUFFIXES)}, found {name!r}. Save it as one of these.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{suffix}"  # the user's name is never used as a path
        path.write_bytes(content)
        try:
            return inputs_of_file(study, path)
        except ExplorerError as trouble:
            told = str(trouble).replace(str(path), name).replace(path.name, name)
            raise SubjectError(told) from None


def _is_whole(study: Study) -> bool:
    from explorer.pipeline.probe import own_inputs

    return own_inputs(study, [0]).dtype == np.int64


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\n]', cell) else cell
