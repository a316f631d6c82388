"""What each number assumes and what it is not, beyond the words of its column."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """What the guide adds to a column's own words."""

    formulas: tuple[str, ...] = ()
    """LaTeX, each on a line of its own; none when words are enough."""
    assumes: str = ""
    is_not: str = ""


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
