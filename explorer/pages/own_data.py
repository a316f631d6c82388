"""A form for data of one's own: it fills in the command that measures them, to copy into a terminal."""

import streamlit as st

from explorer.pages.commands import ARRAYS, FUNCTION, KINDS, PICTURES, SAVED, TABLE, Own, complaints, default_name
from explorer.pages.commands import own_command as command_for
from explorer.pages.library import library
from explorer.pages.state import plain

WIDTH = 860
DATA = {
    PICTURES: ("Folder of pictures", "/home/me/photos", "A subfolder a class; or any order, with a CSV of labels."),
    TABLE: ("Table", "/home/me/patients.csv", "CSV, TSV or Parquet: a row a sample, columns with names."),
    ARRAYS: ("File", "/home/me/data.npz", "Arrays x (the inputs, a row a sample) and y (labels or targets)."),
    SAVED: ("Folder", "/home/me/imdb-small", "What save_to_disk of the library datasets has written."),
    FUNCTION: (
        "File and function",
        "/home/me/mine.py:subject",
        "A function that takes nothing and returns an explorer.Subject: model, data set, labels. The README has one "
        "of ten lines.",
    ),
}


def show_own_data() -> None:
    """The form, and below it the command as far as it is filled in."""
    st.markdown(
        "Bring a trained network and its data. Fill in what you have: the command below follows. It reads your files "
        "and changes none; a Python file that you name as a model is run, data and weights never are."
    )
    kind = st.segmented_control("Your data", KINDS, default=KINDS[0], required=True, key="own-kind", wrap=True)
    own = _asked(kind)
    for sentence in complaints(own):
        st.warning(plain(sentence), icon=":material/info:")
    st.markdown("**Paste this into a terminal**")
    st.code(command_for(own, library().root), language="bash", wrap_lines=True)
    st.caption(
        f"It checks everything first and says in plain words what does not fit, shows progress, and goes on where it "
        f'stopped when you interrupt it. The study then appears here, as "{plain(own.name or default_name(own))}". '
        "`python -m explorer build --help` lists all options."
    )


def _asked(kind: str) -> Own:
    title, example, words = DATA[kind]
    with st.container(width=WIDTH):
        data = st.text_input(title, placeholder=example, help=words, key=f"own-data-{kind}")
        st.caption(words)
        more = {} if kind == FUNCTION else _asked_network()
        more |= _asked_columns(kind)
        name = st.text_input("Name of the study", placeholder=default_name(Own(kind=kind, data=data)), key="own-name")
    return Own(kind=kind, data=data, name=name, **more)


def _asked_network() -> dict[str, str]:
    left, right = st.columns(2)
    with left:
        model = st.text_input(
            "Network",
            placeholder="/home/me/net.py:network",
            key="own-model",
            help="A function in a Python file that returns the torch module; module:function of an installed package; "
            "timm:NAME, such as timm:resnet18; or an exported program, FILE.pt2.",
        )
    with right:
        weights = st.text_input(
            "Weights",
            placeholder="/home/me/net.safetensors",
            key="own-weights",
            help=".safetensors, or a state_dict saved by torch, of which only tensors are read. Empty: those that the "
            "function gives the network.",
        )
    return {"model": model, "weights": weights}


def _asked_columns(kind: str) -> dict[str, str | int | bool]:
    found: dict[str, str | int | bool] = {}
    if kind == FUNCTION:
        return found
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if kind in (PICTURES, SAVED):
            found["size"] = st.number_input(
                "Pixels a side",
                0,
                4096,
                0,
                key="own-size",
                width=150,
                help="What the network expects: pictures are scaled and cut to it. 0: they all have its size already.",
            )
        if kind == PICTURES:
            found["labels"] = st.text_input(
                "CSV of labels",
                key="own-labels",
                width=250,
                help="Columns file and label, in place of subfolders. Empty: each subfolder is a class.",
            )
        if kind in (TABLE, SAVED):
            found["target"] = st.text_input(
                "Column to predict",
                key="own-target",
                width=220,
                help="Several, separated by commas, for a network with several targets.",
            )
            found["ignore"] = st.text_input(
                "Columns to leave out", key="own-ignore", width=220, help="Those that the network does not see."
            )
        choices = {"": "as the labels tell", "classification": "classification", "regression": "regression"}
        found["task"] = st.selectbox("Task", list(choices), format_func=choices.get, key="own-task", width=190)
        if kind == TABLE:
            found["standardize"] = st.checkbox(
                "Standardize numbers",
                key="own-standardize",
                help="Mean 0 and deviation 1 over all rows, if the network was trained on such.",
            )
    return found
