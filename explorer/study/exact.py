"""Questions to a study that need its network again: what full gradients say, in place of stored features."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from explorer.errors import StudyError
from explorer.records import Neighbors

CANDIDATES = 100
"""How many of the nearest are ranked again by full gradients."""

Rows = Sequence[int] | np.ndarray
ExactSimilarity = Callable[[Any, np.ndarray, np.ndarray], np.ndarray]
"""(study, rows_a, rows_b) -> [a, b] float32; loads the network when it is asked, as do the others."""
LayerShares = Callable[[Any, int, int], tuple[list[str], np.ndarray]]
"""(study, row_a, row_b) -> names and shares of the layers."""
SimilarityGradient = Callable[[Any, int, int], np.ndarray]
"""(study, row_a, row_b) -> float32 in the shape of one input."""

Answer = TypeVar("Answer")


class ExactQuestions(ABC):
    """The part of a study that asks its network again. A study opened without it answers none of them."""

    path: Path

    def __init__(
        self, exact: ExactSimilarity | None, shares: LayerShares | None, slopes: SimilarityGradient | None
    ) -> None:
        self._exact, self._shares, self._slopes = exact, shares, slopes

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the study."""

    @abstractmethod
    def neighbors(self, row: int, k: int = 10, by: str = "network") -> Neighbors:
        """The k samples most similar to one sample by stored features."""

    @abstractmethod
    def _checked_rows(self, rows: Rows) -> np.ndarray: ...

    def exact_similarity(self, rows_a: Rows, rows_b: Rows) -> np.ndarray:
        """The network's similarity from full gradients instead of stored features: [a, b] float32.

        Raises:
            StudyError: the study was opened without its network, or its subject cannot be loaded again.

        Cost: loads the network; one backward pass for each row and output.
        """
        return self._answering(self._exact)(self, self._checked_rows(rows_a), self._checked_rows(rows_b))

    def exact_neighbors(self, row: int, k: int = 10, candidates: int = CANDIDATES) -> Neighbors:
        """The k most similar samples by full gradients, among the nearest by stored features.

        Args:
            row: the sample.
            k: how many.
            candidates: how many of the nearest by features are ranked again; at least k.

        Returns:
            As neighbors.

        Cost: exact_similarity of one row with the candidates.
        """
        near = self.neighbors(row, k if k < 1 else max(k, candidates))
        rows = near.indices[near.indices >= 0]
        if not len(rows):
            return Neighbors(near.indices[:k], near.similarities[:k])
        exact = self.exact_similarity([row], rows)[0]
        order = np.argsort(-exact, kind="stable")[:k]
        return Neighbors(rows[order], exact[order])

    def layer_shares(self, row_a: int, row_b: int) -> tuple[list[str], np.ndarray]:
        """What each layer adds to the exact similarity of two samples.

        Returns:
            names: each layer's path in the network and its type, such as `body.0 (Conv2d)`, in the network's order.
            shares: [len(names)] float64; they add up to the exact k^C. Negative where a training step for one sample
                acts against the other. Not how much the network needs a layer.

        Raises:
            StudyError: the study was opened without its network, or its subject cannot be loaded again.

        Cost: loads the network; one backward pass for either row and each output.
        """
        return self._answering(self._shares)(self, *self._checked_rows([row_a, row_b]).tolist())

    def similarity_gradient(self, row_a: int, row_b: int) -> np.ndarray:
        """How the exact similarity of two samples changes with each input value of the first.

        Positive: raising this value a little makes the two more alike for the network. A slope, not a cause: it says
        nothing about large changes.

        Returns:
            float32 in the shape of one input, for images [channels, h, w] or [h, w]; similarity a unit of the input.

        Raises:
            StudyError: the study was opened without its network, or its subject cannot be loaded again.
            EngineError: the inputs are not floating point, or the network cannot be differentiated twice.

        Cost: loads the network; one double backward pass for each output.
        """
        return self._answering(self._slopes)(self, *self._checked_rows([row_a, row_b]).tolist())

    def _answering(self, answer: Answer | None) -> Answer:
        if answer is None:
            raise StudyError(
                f'study "{self.name}" was opened without its network, which exact similarities need. '
                f"Open it with explorer.open_study({str(self.path)!r})."
            )
        return answer
