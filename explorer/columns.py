"""The columns of the samples table, each with the words that every page shows beside it. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of the samples table, in words."""

    title: str
    """Short name for axes and headings, with the unit when there is one."""
    help: str
    """One plain sentence: what a large and a small value mean, and what the number is not."""
    kind: str = "number"
    """number, share (0 to 1), class, flag, or text."""


COLUMNS: dict[str, Column] = {
    "label": Column("Label", "The class that the data set gives this sample.", "class"),
    "true_label": Column(
        "True label", "The class before labels were changed on purpose; known only for demos.", "class"
    ),
    "flipped": Column("Label was flipped", "Whether the label was changed on purpose; known only for demos.", "flag"),
    "alpha": Column("Place on the circle (turns)", "Where on the circle this input lies, from 0 to 1.", "share"),
    "curvature": Column("Curvature of the target", "How sharply the target bends here; large where it turns."),
    "true_0": Column(
        "True displacement across (pixels)", "Where the map truly lies, right of its place; known since it was made."
    ),
    "true_1": Column(
        "True displacement down (pixels)", "Where the map truly lies, below its place; known since it was made."
    ),
    "label_error": Column(
        "Error of the given label (pixels)",
        "Distance of the noisy label from the truth; known only for demos. The network was not told.",
    ),
    "target": Column("Target", "The value that the data set asks the network to predict."),
    "prediction": Column("Prediction", "What the network answers for this sample.", "class"),
    "confidence": Column("Confidence", "Softmax probability of the predicted class; often too high.", "share"),
    "split": Column("Split", "Whether the network was trained on this sample.", "text"),
    "soft_density": Column(
        "Neighbors, soft count (samples)",
        "Sum of the similarities to all samples: how many samples this one counts as, seen by the network. "
        "Low means isolated or memorized, high means the network treats it like many others.",
    ),
    "soft_density_share": Column(
        "Neighbors, soft share", "The soft count divided by the number of samples in the study.", "share"
    ),
    "hard_density": Column(
        "Neighbors above the threshold (samples)",
        "How many samples, itself included, have a similarity above the study's threshold.",
    ),
    "label_variance": Column(
        "Label variance nearby",
        "How much the labels of the nearest neighbors differ: variance for targets, 1 − Σ share² for classes. "
        "Zero means that all neighbors agree.",
    ),
    "denoising_factor": Column(
        "Denoising factor",
        "Remaining share of independent label noise after the network's own averaging, under the paper's assumptions. "
        "Smaller averages more. It is not an error bar.",
        "share",
    ),
    "denoising_floor_ratio": Column(
        "Denoising factor ÷ floor",
        "The factor divided by 1/√n, the smallest it could be. Near 1 the factor says how many samples there are, "
        "not how good the network is.",
    ),
    "effective_neighbors": Column(
        "Effective neighbors (samples)", "1 ÷ factor²: how many equal votes would average noise as much."
    ),
    "leverage_gain": Column(
        "Leverage gain",
        "Remaining share of label noise in the ridge regression that best mimics the network; closer to the truth "
        "than the denoising factor in our experiments.",
        "share",
    ),
    "shift": Column(
        "Shift",
        "Distance of the prediction from the average prediction nearby, in output units. It shows smoothing, "
        "and neither bounds nor ranks the error.",
    ),
    "uncertainty": Column(
        "Uncertainty",
        "How far the prediction could move at a fixed disturbance of the training data. Large: cheap to change.",
    ),
    "gradient_norm": Column(
        "Gradient norm", "Size of the gradient of the outputs. Very large or small values mark unusual samples."
    ),
    "captured_energy": Column(
        "Captured energy",
        "Share of the squared gradient that the stored features keep. Near 1: neighbors are as good as exact ones.",
        "share",
    ),
    "suspicion": Column(
        "Suspicion",
        "Rank of doubt about the given label, from 0 to 1: by all other samples, by its nearest neighbors, by which "
        "classes are given for which, and by the network's own answer unless it has memorized. Not a probability.",
        "share",
    ),
    "suggested_label": Column(
        "Suggested label",
        "The class that all other samples, seen by the network, speak for; the given label where they support it.",
        "class",
    ),
    "suggested_probability": Column(
        "Support for the suggestion",
        "Chance of the suggested label by all other samples, the given label not heard; rather too low than too high.",
        "share",
    ),
    "label_margin": Column(
        "Contradiction by neighbors",
        "Leave-one-out evidence for the best other class minus that for the given one. Positive: neighbors contradict.",
    ),
    "neighbor_disagreement": Column(
        "Neighbors with another label", "Share of the nearest neighbors whose given label differs.", "share"
    ),
    "given_label_loss": Column(
        "Loss of the given label", "−log of the probability that the network gives to the label. High: it disagrees."
    ),
    "target_residual": Column(
        "Distance from the others' prediction",
        "Distance of the target from the network's answer as all other samples correct it, in units of the usual one.",
    ),
    "x": Column("Map x", "Horizontal place on the map. Distances on a map are only a hint."),
    "y": Column("Map y", "Vertical place on the map. Distances on a map are only a hint."),
}
"""Every column that a study may have. A study holds only those that apply to it."""
