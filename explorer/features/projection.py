"""The projection from gradients to features: two small bases a layer, then the directions that the data use."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from explorer.errors import StudyMismatch
from explorer.features.bases import Bases
from explorer.features.gradients import Gradients
from explorer.records import Unseen
from explorer.similarity.kernels import normalizing_roots, unit_features

METADATA = "projection-3"
"""Where a file says what it holds; the number changes when the same bases would mean something else."""


@dataclass(frozen=True)
class Projection:
    """A calibrated projection: what turns a subject's gradients into features, and back.

    The gradient block of a layer goes to left @ block @ right.T; all layers side by side are the coordinates;
    `directions` takes them to p features an output, and `compression` takes the c * p normalized ones of a sample to
    the d that are stored. Each of these is absent where nothing would be saved.
    """

    bases: Bases
    """Block name to (left [r, rows], right [r, columns]), orthonormal rows; None keeps a side whole."""
    directions: Tensor | None
    """[p, coordinates], orthonormal rows."""
    compression: Tensor | None
    """[d, c * p], orthonormal rows."""
    mode: str
    """Which outputs are measured: all, predicted or contrast."""
    outputs: int
    """Number c of measured outputs."""
    width: int
    """Number d of stored features a sample."""
    rows: tuple[int, ...]
    """The samples that played a part: those it was fitted to, and those that unseen was."""
    coverage: dict[str, str]
    """Parameter name to where its gradient comes from."""
    functional: tuple[str, ...] = ()
    """Layers whose own formula disagreed with autograd, left to torch.func."""
    unseen: Unseen = Unseen()
    """Completes inner products of its features."""

    def coordinates(self, gradients: Gradients) -> Tensor:
        """The projected gradients of all blocks side by side, [m, c, coordinates]."""
        blocks = {block.name: block for block in gradients.network.blocks}
        pieces = [gradients.project(blocks[name], *sides).flatten(2) for name, sides in self.bases.items()]
        return torch.cat(pieces, dim=-1)

    def jacobians(self, gradients: Gradients) -> Tensor:
        """The projected gradients, [m, c, p]; inner products are those of the full gradients, nearly."""
        coordinates = self.coordinates(gradients)
        return coordinates if self.directions is None else coordinates @ self.directions.T

    def units(self, jacobians: Tensor, grams: Tensor) -> Tensor:
        """Stored features: projected gradients, normalized by their full gradients' Gram matrices.

        Inner products of two samples' rows are k^C, nearly. A row's squared length is the share of the sample's own
        similarity (exactly 1) that the features see: its captured energy.

        Args:
            jacobians: [m, c, p] projected gradients.
            grams: [m, c, c] Gram matrices of the full gradients.

        Returns:
            [m, d]; zero rows for samples without a usable gradient.
        """
        units = unit_features(jacobians, grams)
        return units if self.compression is None else units @ self.compression.T

    def expand(self, units: Tensor, grams: Tensor) -> Tensor:
        """The projected gradients that stored features stand for; undoes units up to what compression lost.

        Args:
            units: [m, d] stored features.
            grams: [m, c, c] Gram matrices of the full gradients.

        Returns:
            [m, c, p], in units' dtype.
        """
        whole = units if self.compression is None else units @ self.compression.to(units)
        # Symmetric, so the pseudo-inverse of what normalized the gradients gives them back.
        roots = torch.linalg.pinv(normalizing_roots(grams.to(units)), hermitian=True)
        return roots @ whole.reshape(len(units), self.outputs, -1)

    def to(self, device: torch.device) -> "Projection":
        """The same projection on another device."""
        moved = {
            name: tuple(None if side is None else side.to(device) for side in sides)
            for name, sides in self.bases.items()
        }
        whole = [None if one is None else one.to(device) for one in (self.directions, self.compression)]
        directions, compression = whole
        return replace(self, bases=moved, directions=directions, compression=compression)

    def save(self, path: Path) -> None:
        """Write to one safetensors file."""
        tensors = {"rows": torch.tensor(self.rows, dtype=torch.int64)}
        for number, (left, right) in enumerate(self.bases.values()):
            tensors.update({f"left.{number}": left} if left is not None else {})
            tensors.update({f"right.{number}": right} if right is not None else {})
        for name in ("directions", "compression"):
            tensors.update({name: value} if (value := getattr(self, name)) is not None else {})
        about = {
            "blocks": list(self.bases),
            "mode": self.mode,
            "outputs": self.outputs,
            "width": self.width,
            "coverage": self.coverage,
            "functional": self.functional,
            "unseen": asdict(self.unseen),
        }
        tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
        # Written by Python, whose errors say that a disk is full.
        path.write_bytes(save(tensors, metadata={METADATA: json.dumps(about)}))

    @classmethod
    def load(cls, path: Path) -> "Projection":
        """Read what save wrote.

        Raises:
            StudyMismatch: the file is missing or is not a projection.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})[METADATA])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            bases = {
                name: (tensors.get(f"left.{number}"), tensors.get(f"right.{number}"))
                for number, name in enumerate(about["blocks"])
            }
            return cls(
                bases=bases,
                directions=tensors.get("directions"),
                compression=tensors.get("compression"),
                mode=about["mode"],
                outputs=about["outputs"],
                width=about["width"],
                rows=tuple(tensors["rows"].tolist()),
                coverage=about["coverage"],
                functional=tuple(about["functional"]),
                unseen=Unseen(**about["unseen"]),
            )
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as problem:
            raise StudyMismatch(
                f"{path} must be a projection written by this program, found: {problem}. "
                "Build again with --redo projection."
            ) from problem
