"""From a subject to features: projected gradients whose inner products are the paper's similarity."""

from explorer.features.calibration import calibrate
from explorer.features.completion import with_unseen
from explorer.features.density import exact_soft_density
from explorer.features.exact import exact_similarity
from explorer.features.fidelity import fidelity_report, rank_correlation
from explorer.features.projection import Projection
from explorer.features.shards import Measurer, ShardFeatures

__all__ = [
    "Measurer",
    "Projection",
    "ShardFeatures",
    "calibrate",
    "exact_similarity",
    "exact_soft_density",
    "fidelity_report",
    "rank_correlation",
    "with_unseen",
]
