"""What each number means, what it assumes, and what it is not. The meanings are those of COLUMNS, said once."""

import re

import streamlit as st

from explorer.columns import COLUMNS
from explorer.pages.findings import show_findings, show_met
from explorer.pages.measurement import show_measurement
from explorer.pages.state import page_header
from explorer.study.study import Study
from explorer.views.meanings import DOUBTS, NOISE, REVIEW, SECTIONS, Entry

WIDTH = 860
"""Lines of text longer than about so many pixels are hard to follow."""
_UNIT = re.compile(r" \([^)]*\)$")

NOTATION = (
    r"g_i=\nabla_\theta f_\theta(x_i),\qquad K_{ij}=g_i^{\top}g_j",
    r"k^C_{ij}=\tfrac1c\,\mathrm{Tr}\!\left(K_{ii}^{-1/2}K_{ij}K_{jj}^{-1/2}\right)",
)


def show(study: Study) -> None:
    """The page that explains the numbers."""
    page_header(study, "Guide", "What each number means, what it assumes, and what it is not.")
    present = {
        title: {name: entry for name, entry in entries.items() if name in study.samples}
        for title, entries in SECTIONS.items()
    }
    with st.container(width=WIDTH):
        _show_contents(present)
        _show_similarity(study)
        for title, entries in present.items():
            if entries:
                st.header(title, anchor=False, divider="gray")
            if title == NOISE and entries:
                show_met(study)
            for name, entry in entries.items():
                _show_entry(name, entry)
            if title == DOUBTS and entries:
                st.subheader("Going through doubted labels", anchor="review")
                st.markdown(REVIEW)
        show_findings(study)
        show_measurement(study)


def explained_columns() -> set[str]:
    """Names of all columns that the guide has words for beyond their own help."""
    return {name for entries in SECTIONS.values() for name in entries}


def _show_contents(present: dict[str, dict[str, Entry]]) -> None:
    lines = ["**[What similarity means](#similarity)**"]
    for title, entries in present.items():
        if entries:
            links = " · ".join(f"[{_UNIT.sub('', COLUMNS[name].title)}](#{name})" for name in entries)
            lines.append(f"**{title}:** {links}")
    lines.append(
        "**[What we found](#findings)** · **[Which outputs are compared](#outputs)** · "
        "**[How exact the numbers are](#fidelity)** · **[Which parameters take part](#coverage)**"
    )
    st.markdown("  \n".join(lines))


def _show_similarity(study: Study) -> None:
    st.header("What similarity means here", anchor="similarity", divider="gray")
    st.markdown(
        "Two samples are similar **for the network** when training on one changes its answer for the other. Take the "
        "gradient of the outputs with respect to all parameters at each sample, make both gradients the same size, and "
        "compare their directions. The result is called kᶜ and lies between −1 and 1: 1 means that a training step "
        "cannot tell the two apart, 0 that it moves one and leaves the other alone, and a negative number, rare in "
        "practice, that it moves them in opposite ways. No label takes part."
    )
    for formula in NOTATION:
        st.latex(formula)
    outputs = study.subject["outputs"]
    st.markdown(
        f"Here i and j are samples, θ are the parameters, and c counts the outputs (this network has {outputs:,}). "
        f"The study holds n = {study.n:,} samples."
    )
    st.markdown(
        "- **It is not** the similarity of outputs: two samples can get the same answer for different reasons.\n"
        "- **It is not** the similarity of loss gradients (TracIn, influence functions), which depends on labels and "
        "vanishes for samples that are fitted well.\n"
        "- **Alike in the last layer** is the cosine of what the last layer receives, the usual embedding.\n"
        "- **Alike as inputs** is the cosine of the raw values; the network plays no part.\n"
        "- **Shares by layer** (Sample page): kᶜ is a sum over parameters, so over layers. **Which pixels** is its "
        "slope by each input value, at this very picture: not a cause, and silent about large changes."
    )
    st.markdown(
        "Places on the **map** follow the nearest neighbors, but distances on any flat map are only a hint: trust the "
        "numbers under the pictures."
    )


def _show_entry(name: str, entry: Entry) -> None:
    st.subheader(COLUMNS[name].title, anchor=name)
    st.markdown(COLUMNS[name].help)
    for formula in entry.formulas:
        st.latex(formula)
    if entry.assumes:
        st.markdown(f"**Assumes** {_lowered(entry.assumes)}")
    if entry.is_not:
        st.markdown(f"**Is not** {_lowered(entry.is_not)}")


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
