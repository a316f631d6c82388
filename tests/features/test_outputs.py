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
