"""What each number means, what it assumes, and what it is not. The meanings are those of COLUMNS, said once."""

import re
from dataclasses import dataclass

import streamlit as st

from explorer.columns import COLUMNS
from explorer.pages.findings import show_findings, show_met
from explorer.pages.measurement import show_measurement
from explorer.pages.state import page_header
from explorer.study.study import Study


@dataclass(frozen=True)
class Entry:
    """What the guide adds to a column's own words."""

    formulas: tuple[str, ...] = ()
    """LaTeX, each on a line of its own; none when words are enough."""
    assumes: str = ""
    is_not: str = ""


WIDTH = 860
"""Lines of text longer than about so many pixels are hard to follow."""
_UNIT = re.compile(r" \([^)]*\)$")

NOTATION = (
    r"g_i=\nabla_\theta f_\theta(x_i),\qquad K_{ij}=g_i^{\top}g_j",
    r"k^C_{ij}=\tfrac1c\,\mathrm{Tr}\!\left(K_{ii}^{-1/2}K_{ij}K_{jj}^{-1/2}\right)",
)

NOISE, DOUBTS = "How much noise is averaged", "Which labels to doubt"
REVIEW = (
    "- **A decision** is keep, relabel, drop (train without it) or unsure. It is added to a log in the study with time "
    "and name, and never overwritten: undo adds a line as well. Where two people stand at different decisions both "
    "are shown, and the sample keeps its label until they agree.\n"
    "- **Decided were wrong**: of the samples that were decided clearly, the share that was relabeled or dropped. It "
    "falls as you go down the list.\n"
    "- **More wrong labels expected**: wrong labels planted on paper, drawn as labels go wrong here, come up at places "
    "in the list that are known. The share of them that you have gone past, corrected for real ones coming up later, "
    "is taken for the share of real ones that you have found. Said from fifty found ones on; an order of "
    "magnitude before some hundred, and too low if you overlook some.\n"
    "- **Near duplicates** with different labels: at least one of them is wrong, or the network cannot tell two things "
    "apart that you can.\n"
    "- **Retrained**: a second network is trained from the same first weights with the labels as given, so that the "
    "difference is the labels' alone. It is measured on held-out samples that nobody decided about."
)
"""What the Labels page says beyond columns."""
SECTIONS: dict[str, dict[str, Entry]] = {
    "How many are alike": {
        "soft_density": Entry(
            (r"N_S(i)=\sum_j k^C_{ij}",),
            "Gradients of all measured outputs and parameters, at the trained network.",
            "A probability density. Trained networks share a common direction, so counts are high everywhere: compare "
            "samples of one study, not two studies.",
        ),
        "soft_density_share": Entry((r"N_S(i)/n",)),
        "hard_density": Entry(
            (r"N_\tau(i)=\#\{j: k^C_{ij}>\tau\}",), is_not="Comparable between studies with different thresholds τ."
        ),
        "label_variance": Entry(
            (r"1-\sum_c s_c^2\quad\text{(classes)}", r"\mathrm{var}(y)\quad\text{(targets)}"),
            "The labels of the nearest stored neighbors, each counted once.",
            "Proof of over- or underfitting: few neighbors or mixed labels are reasons to look.",
        ),
        "gradient_norm": Entry((r"\sqrt{\mathrm{Tr}\,K_{ii}}",)),
        "captured_energy": Entry(
            (r"\lVert\text{feature}_i\rVert^2/\lVert g_i\rVert^2",),
            is_not="The quality of the network. It is about how much of the gradient was stored.",
        ),
    },
    NOISE: {
        "denoising_factor": Entry(
            (r"\lVert w_i\rVert_2,\quad w_{ij}=\frac{K_{ij}}{\sum_{j'}K_{ij'}}",),
            "Squared error, training at rest, no weight decay, independent noise, and similarities that do not depend "
            "on that noise. With several outputs the weights are matrices and the factor is one number for them all.",
            "An error bar. Multiplied by a noise level it does not tell how wrong a prediction is: it promises several "
            "times more denoising than there is (see what we found).",
        ),
        "denoising_floor_ratio": Entry((r"\lVert w_i\rVert_2\cdot\sqrt n",)),
        "effective_neighbors": Entry((r"1/\lVert w_i\rVert_2^2",)),
        "shift": Entry(
            (r"\lVert \hat y_i-E_k[\hat y]_i\rVert", r"E_k[a]_i=\sum_j w_{ij}\,a_j"),
            is_not="An error, a bound on it, or a ranking of it: with known truth it did not even order the errors.",
        ),
        "leverage_gain": Entry(
            (r"\sqrt{\textstyle\sum_j H_{ij}^2},\quad H=K(K+\lambda I)^{-1}",),
            "That ridge regression with the network's own similarity stands for the network.",
            "An error bar either: it leaves out what the network would get wrong without any noise.",
        ),
        "uncertainty": Entry(
            (r"\lVert g_i\rVert^2\big/\textstyle\sum_j K_{ij}",),
            "That disturbing other answers is what keeps an answer in place.",
            "A probability of being wrong. It was proposed, and never tested against errors.",
        ),
    },
    DOUBTS: {
        "suspicion": Entry(is_not="A probability that the label is wrong. Only the order counts."),
        "suggested_label": Entry(),
        "suggested_probability": Entry(is_not="A calibrated probability."),
        "label_margin": Entry(
            (r"\max_{c\neq y_i}p_{ic}-p_{iy_i}", r"p_i=Y_i-\frac{Y_i-(HY)_i}{1-H_{ii}}"),
            "Most labels nearby are right.",
        ),
        "target_residual": Entry(
            (r"|y_i-\hat y_{-i}|\,/\,s",),
            is_not="Proof of a wrong target: unusual samples are far from others as well.",
        ),
        "neighbor_disagreement": Entry(),
        "given_label_loss": Entry(
            (r"-\log p(y_i\mid x_i)",),
            is_not="Reliable for a network that has memorized its labels: then all losses are small.",
        ),
        "confidence": Entry((r"\max_c p(c\mid x_i)",)),
    },
}


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
