"""Numbers about samples, from the gradients of a network's outputs: the paper's chapter in code.

Tensors in, tensors out; float64 in, float64 out; no disk, no screen. The order to read it in:

    kernels     gradients -> unit features, whose inner product is the similarity k^C
    density     unit features -> how many samples each one counts as
    moments     gradients -> the few sums that averaging needs, shard by shard
    denoising   gradients and moments -> what the network's own averaging does to label noise
    leverage    the same for the ridge regression that mimics the network
    ridge       unit features -> what all other samples say about each one
    label_noise what all others say and the labels -> how labels go wrong in this data set
    network_answer  outputs and labels -> the network's own answer, as far as it has not memorized
    suspicion   unit features and labels -> which labels to doubt
    planted     doubts -> where in the list errors that nobody has made would come up
    distinct    unit features -> samples that share a row
    memory      how much of it this process may take
    search      distinct unit features -> the most similar ones, exactly
    approximate the same by an index, for more samples than can all be compared
    stored_lists what of that index does not fit into memory
    neighbors   unit features -> Neighbors (these six: numpy and FAISS, no torch)
    duplicates  Neighbors -> near duplicates, groups whose labels conflict, isolated samples (no torch)
    agreement   Neighbors and labels -> how far neighbors agree
    memberships Neighbors -> how near each pair is, as UMAP says it
    placing     a map of some samples -> one of all
    layout      Neighbors -> a map (these three: numpy and UMAP, no torch)

Names are loaded when first used, so that neighbors and layout can be had without torch.
"""

from importlib import import_module

_NAMES = {
    "kernels": (
        "inverse_square_root",
        "normalizing_roots",
        "unit_features",
        "similarity",
        "similarity_matrix",
        "rotation_similarity",
        "influence",
    ),
    "density": ("soft_density", "hard_density", "power_density"),
    "moments": ("Moments", "value_kinds"),
    "denoising": (
        "LocalAverage",
        "local_average",
        "denoising_factor",
        "denoising_share",
        "floor_ratio",
        "effective_neighbors",
        "neighbor_mean",
        "shift",
        "stationarity_residual",
        "uncertainty",
    ),
    "leverage": ("Smoother", "fit_smoother", "leverage_gain"),
    "ridge": ("leave_one_out",),
    "label_noise": ("LabelNoise", "fit_label_noise", "with_votes"),
    "network_answer": ("answer_odds",),
    "suspicion": (
        "label_posterior",
        "label_margin",
        "label_suspicion",
        "label_doubt",
        "LabelDoubt",
        "suggested_labels",
        "target_doubt",
        "target_residual",
        "rank_share",
        "given_label_loss",
    ),
    "planted": ("plant_labels", "plant_targets", "planted_suspicion"),
    "agreement": ("neighbor_votes", "neighbor_disagreement", "label_variance"),
    "duplicates": ("DuplicateGroups", "duplicate_groups", "nearest_similarity", "isolated_rows"),
    "neighbors": ("find_neighbors", "find_stored_neighbors", "unit_rows"),
    "placing": ("neighbors_kept",),
    "layout": ("lay_out", "fitted_rows", "principal_coordinates", "stored_principal_coordinates"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
