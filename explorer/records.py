"""The nouns at rest: settings, neighbors, and what features leave unseen. No torch."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from explorer.errors import SettingsError, ShapeError

OUTPUT_MODES = ("auto", "all", "predicted", "contrast", "adversary")
STORAGES = ("float32", "float16")
DEVICES = ("auto", "cpu", "cuda")
ENGINES = ("serial", "ray")
LIMIT = 2**32
"""Numbers in settings are below this; seeds of numpy and of the layout must be."""
MAX_OUTPUTS = 16
"""Networks with more outputs than this are measured by one contrast a sample unless the user asks otherwise."""

HOW_NOT_WHAT = {"changes_result": False}


@dataclass(frozen=True)
class Settings:
    """What was asked of a build. Stored in the manifest; a study never mixes two settings."""

    dim: int = 512
    """Width p of the projected features, per output while computing and in all when stored; less where gradients have
    fewer directions."""
    outputs: str = "auto"
    """Which outputs are differentiated: all, the predicted one, the true class against the mean of the rest, or
    against one other class drawn for each sample; auto keeps all up to MAX_OUTPUTS and one contrast beyond."""
    neighbors: int = 50
    """How many neighbors k of every sample are stored."""
    limit: int | None = None
    """Measure only the first so many samples; None measures all."""
    seed: int = 0
    """Seeds every random choice: calibration samples, fidelity samples, the layout."""
    calibration: int = 1024
    """How many samples the projection bases are fitted on."""
    coordinates: int = 2048
    """How many projected coordinates the layers share before the directions are found; more is more faithful."""
    shard_size: int = 1000
    """Samples in one shard, the unit of work that is resumed."""
    storage: str = "float32"
    """Type of the stored features; float16 takes half the space and rounds similarities (the fidelity report says by
    how much)."""
    exact_density: bool = False
    """Whether the soft count is taken over full gradients, in two more passes over the data, not over features."""
    batch_size: int | None = field(default=None, metadata=HOW_NOT_WHAT)
    """Samples in one forward pass; None chooses it from the memory that the layers need."""
    device: str = field(default="auto", metadata=HOW_NOT_WHAT)
    """Where gradients are computed; auto takes a GPU when there is one."""
    engine: str = field(default="serial", metadata=HOW_NOT_WHAT)
    """Who runs the shards: this process, or Ray workers."""

    def __post_init__(self) -> None:
        words = {"outputs": OUTPUT_MODES, "storage": STORAGES, "device": DEVICES, "engine": ENGINES}
        for name, choices in words.items():
            if getattr(self, name) not in choices:
                raise SettingsError(
                    f"{name} must be one of {', '.join(choices)}, found {getattr(self, name)!r}. Choose one of these."
                )
        if not isinstance(self.exact_density, bool):
            raise SettingsError(f"exact_density must be True or False, found {self.exact_density!r}. Pass one.")
        smallest = {"dim": 1, "neighbors": 1, "limit": 2, "calibration": 2, "coordinates": 1, "shard_size": 1}
        for name, least in {**smallest, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if value is None and name in ("limit", "batch_size"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingsError(f"{name} must be a whole number of at least {least}, found {value!r}. Pass one.")
            if value >= LIMIT:
                raise SettingsError(f"{name} must be below {LIMIT}, found {value}. Choose a smaller one.")

    def as_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)

    def differences(self, other: "Settings") -> list[str]:
        """One line for each field that changes results and differs: `name: mine, other's`."""
        return [
            f"{one.name}: {getattr(self, one.name)!r} here, {getattr(other, one.name)!r} asked for"
            for one in fields(self)
            if one.metadata.get("changes_result", True) and getattr(self, one.name) != getattr(other, one.name)
        ]


@dataclass(frozen=True)
class Unseen:
    """What two gradients share outside of the features, estimated from how alike they are inside.

    Features see a share e of a sample's gradient, their squared length, so that the inner product s of two of them
    misses what the rest has in common: little between samples that differ, most of it between near neighbors. Added is
    share · √((1 − e)(1 − e')) · cos^power, where cos = s / √(e e') is the cosine of the features. Fitted to exact
    similarities of samples that played no part in the calibration.
    """

    share: float = 0.0
    """From 0, which adds nothing, to 1, with which a sample's copy has similarity 1."""
    power: int = 1
    """How fast it falls with the cosine."""

    def completed(self, products: np.ndarray, energies: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Estimates of k^C from inner products of features.

        Args:
            products: [...] inner products s; nan stays nan.
            energies: squared lengths e of the first samples' features, broadcast against products.
            others: those of the second samples.

        Returns:
            [...] in the dtype of products, at most 1. Where s is not positive it is left as it is.
        """
        if not self.share:
            return products
        together = np.sqrt(energies * others)
        cosines = np.clip(products / np.where(together > 0, together, 1), 0, 1)
        missed = np.sqrt(np.clip(1 - energies, 0, 1) * np.clip(1 - others, 0, 1))
        return np.minimum(products + self.share * missed * cosines**self.power, 1).astype(products.dtype, copy=False)


@dataclass(frozen=True)
class Neighbors:
    """The most similar samples, best first; the sample itself is left out.

    Either of all samples ([n, k]) or of one ([k]). A sample that has no similarity (zero or non-finite gradient)
    has index -1 and similarity nan in every place.
    """

    indices: np.ndarray
    """[n, k] or [k] int64, row numbers."""
    similarities: np.ndarray
    """[n, k] or [k] float32, in [-1, 1], falling along k."""

    def __post_init__(self) -> None:
        if self.indices.shape != self.similarities.shape:
            raise ShapeError(
                f"neighbors need one similarity an index, found indices {list(self.indices.shape)} and "
                f"similarities {list(self.similarities.shape)}. Pass arrays of one shape."
            )

    def of(self, row: int, k: int | None = None) -> "Neighbors":
        """The first k neighbors of one sample."""
        return Neighbors(self.indices[row, :k], self.similarities[row, :k])
