"""Laws of the bars of a similarity: nothing is lost when many layers become few, and names stay readable."""

import numpy as np
import pytest

from explorer.views.shares import LONG, MOST, share_bars


def test_shares_of_few_layers_stand_as_they_are():
    """Each layer has its bar, in the network's order, negative ones to the left, with its number beside it."""
    figure = share_bars(["0 (Linear)", "2 (Linear)"], [0.5, -0.125])
    assert figure.data[0].x == (0.5, -0.125)
    assert figure.data[0].text == ("0.500", "−0.125")
    assert figure.layout.yaxis.ticktext == ("0 (Linear)", "2 (Linear)")
    low, high = figure.layout.xaxis.range
    assert low < -0.125 and high > 0.5


def test_many_layers_become_few_bars_that_add_up_to_the_same():
    """The largest by size stay in the network's order; one bar holds the rest, and says of how many."""
    shares = np.random.default_rng(1).normal(size=70)
    figure = share_bars([f"layer{place}" for place in range(70)], shares)
    names, values = figure.layout.yaxis.ticktext, np.array(figure.data[0].x)
    assert len(values) == MOST and names[-1] == f"{70 - MOST + 1} others"
    assert values.sum() == pytest.approx(shares.sum())
    kept = [int(name.removeprefix("layer")) for name in names[:-1]]
    assert kept == sorted(kept)
    assert np.abs(shares[kept]).min() >= np.abs(np.delete(shares, kept)).max()


@pytest.mark.parametrize("path", ["encoder." * 8 + "out_proj (Linear)", "a" * 60 + " (Linear)"])
def test_a_long_name_is_shown_by_its_end(path):
    """The end of a path tells layers apart: whole parts of it where it has parts, letters where it has none."""
    (shown,) = share_bars([path], [0.5]).layout.yaxis.ticktext
    assert len(shown) <= LONG and shown.endswith(path[-17:] if "." in path else "aaa (Linear)")
    assert path.endswith(shown.removeprefix("…"))
    assert "." not in path or path[-len(shown)] == "."
