"""Laws of the room as a whole: its public list, and what it loads."""

import subprocess
import sys

import pytest

import explorer.similarity

FROM_THE_INTERFACE = (
    "unit_features",
    "similarity",
    "similarity_matrix",
    "rotation_similarity",
    "influence",
    "soft_density",
    "hard_density",
    "power_density",
    "denoising_factor",
    "neighbor_mean",
    "leverage_gain",
    "uncertainty",
)


@pytest.mark.parametrize("name", sorted({*FROM_THE_INTERFACE, *explorer.similarity.__all__}))
def test_every_public_name_is_found_and_documented(name):
    """Promised names exist, and each says what it is."""
    assert name in dir(explorer.similarity)
    assert getattr(explorer.similarity, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        explorer.similarity.nothing  # noqa: B018


@pytest.mark.parametrize(
    "module", ["explorer.similarity", "explorer.similarity.neighbors", "explorer.similarity.layout"]
)
def test_neighbors_and_layout_load_no_torch(module):
    """In a fresh interpreter: neither torch nor the heavy libraries, before they are used."""
    code = f"import sys, {module}; print([m for m in ('torch', 'faiss', 'umap', 'numba') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
