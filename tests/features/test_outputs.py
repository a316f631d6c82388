"""Which outputs are measured."""

import numpy as np
import pytest
import torch

from explorer.errors import SettingsError
from explorer.features.outputs import output_selection, resolved_mode

OUTPUTS = torch.tensor([[0.1, 2.0, -1.0], [3.0, 0.0, 1.0]])


def test_all_outputs_are_themselves():
    """Selecting all gives every output back, one by one."""
    chosen = torch.einsum("mcC,mC->mc", output_selection("all", OUTPUTS, None), OUTPUTS)
    assert torch.equal(chosen, OUTPUTS)


def test_predicted_takes_the_largest_output():
    """One number a sample: what the network is most sure of."""
    chosen = torch.einsum("mcC,mC->mc", output_selection("predicted", OUTPUTS, None), OUTPUTS)
    assert chosen.squeeze(1).tolist() == OUTPUTS.max(1).values.tolist()


def test_contrast_is_blind_to_a_common_offset():
    """Right class against the rest: adding the same to all outputs changes nothing, to the right one counts fully."""
    selection = output_selection("contrast", OUTPUTS, np.array([2, 0]))
    shifted = torch.einsum("mcC,mC->mc", selection, OUTPUTS + 7)
    plain = torch.einsum("mcC,mC->mc", selection, OUTPUTS)
    torch.testing.assert_close(shifted, plain)
    torch.testing.assert_close(plain[:, 0], torch.tensor([-1.0 - (0.1 + 2.0) / 2, 3.0 - (0.0 + 1.0) / 2]))


def test_auto_keeps_all_outputs_of_small_heads_only():
    """Up to 16 outputs all are kept; beyond, classes become one contrast and targets stay."""
    assert resolved_mode("auto", 16, "classification") == "all"
    assert resolved_mode("auto", 17, "classification") == "contrast"
    assert resolved_mode("auto", 17, "regression") == "all"
    with pytest.raises(SettingsError, match="needs a classifier"):
        resolved_mode("contrast", 1, "regression")


def test_the_adversary_is_drawn_as_often_as_the_network_believes_in_it():
    """Over many rows, the other class is drawn with its probability among the others, the right one never."""
    rows = np.arange(20_000)
    outputs = torch.tensor([[2.0, 1.0, 0.0]]).expand(len(rows), -1)
    chosen = output_selection("adversary", outputs, np.zeros(len(rows), dtype=np.int64), rows)[:, 0]
    assert bool((chosen[:, 0] == 1).all()) and bool((chosen.sum(1) == 0).all())
    expected = torch.softmax(torch.tensor([1.0, 0.0]), 0)
    torch.testing.assert_close((chosen[:, 1:] == -1).double().mean(0), expected.double(), atol=0.015, rtol=0)


def test_the_adversary_depends_on_the_row_alone():
    """The same sample has the same adversary in another batch and on another day."""
    generator = torch.Generator().manual_seed(0)
    outputs, labels, rows = torch.randn(50, 7, generator=generator), np.arange(50) % 7, np.arange(100, 150)
    whole = output_selection("adversary", outputs, labels, rows)
    order = torch.randperm(50, generator=generator)
    again = output_selection("adversary", outputs[order], labels[order.numpy()], rows[order.numpy()])
    assert torch.equal(whole[order], again)
    assert not torch.equal(whole, output_selection("adversary", outputs, labels, rows + 50))
