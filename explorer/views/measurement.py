"""How a study was measured, in words: outputs, faithfulness and parameters."""

from collections import Counter

MODES = {
    "all": "Each of the {count:,} outputs is differentiated by itself. Two samples are similar when moving any output "
    "of one moves the same output of the other.",
    "predicted": "One output of each sample is differentiated: that of the class the network predicts. Similarity says "
    "whether the same training step strengthens both predictions; the other classes play no part.",
    "contrast": "One number of each sample is differentiated: the output of its label minus the mean of all other "
    "outputs, “right class against the rest”. It costs as much as a single output, however many classes there are. "
    "Similarity says whether the same training step makes both samples more certainly what they are labeled; it no "
    "longer tells which of the other classes gives way, and a wrong label takes part in it.",
    "adversary": "One number of each sample is differentiated: the output of its label minus that of one other class, "
    "drawn with the probabilities that the network gives to the others. Sums over many samples, such as the soft "
    "count, see every likely confusion; a single similarity depends on the draw.",
}
FIDELITY = {
    "rmse": ("Typical error of a similarity", "A similarity shown as 0.80 is typically off by {value:.3f}."),
    "storage_rmse": ("Of that, rounding when stored", "Half-width numbers account for {value:.5f} of it."),
    "recall_at_10": (
        "Nearest ten that are right",
        "Of the ten truly nearest samples, {tenths:.1f} stand among the ten shown, on average.",
    ),
    "soft_density_spearman": (
        "Order of the soft counts",
        "Rank correlation {value:.4f} with the exact counts: at 1 the order of samples is exactly right.",
    ),
    "pearson": ("Agreement of similarities", "Correlation {value:.4f} with the exact similarities; 1 is perfect."),
    "spearman": (
        "Order of similarities",
        "Rank correlation {value:.4f} with the exact similarities; 1 is a perfect order.",
    ),
}
WAYS = {
    "linear": "linear layers",
    "attention": "projections inside attention",
    "convolution": "convolutions",
    "scale": "norms and learned slopes",
    "embedding": "embeddings",
    "broadcast": "parameters shared by all samples, such as positions and class tokens",
    "torch.func": "the general way of torch, sample by sample: slower, and as exact",
}


def coverage_in_words(coverage: dict[str, str]) -> list[str]:
    """One sentence for each way in which parameters were measured, the most common first."""
    sentences = []
    for way, count in Counter(coverage.values()).most_common():
        noun = "parameter tensor" if count == 1 else "parameter tensors"
        sentences.append(f"{count:,} {noun}: {WAYS.get(way, way)}")
    return sentences
