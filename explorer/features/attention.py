"""Attention with packed projections, made to show the linear layers inside it.

`nn.MultiheadAttention` multiplies its input by one packed weight without calling a layer, so nothing could listen.
In the private copy of a network that is measured, its forward pass is replaced by the same arithmetic with a layer to
listen to; weights and their names stay where they are.
"""

import types

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PackedProjection(nn.Module):
    """The packed input projection of an attention module as a linear layer; its weights remain the attention's own."""

    def __init__(self, attention: nn.MultiheadAttention):
        super().__init__()
        object.__setattr__(self, "attention", attention)  # not a child: the attention owns the weights

    @property
    def weight(self) -> Tensor:
        """[3 width, width] of queries, keys and values."""
        return self.attention.in_proj_weight

    @property
    def in_features(self) -> int:
        """The width of the attention."""
        return self.attention.embed_dim

    @property
    def out_features(self) -> int:
        """Queries, keys and values side by side."""
        return 3 * self.attention.embed_dim

    def forward(self, inputs: Tensor) -> Tensor:
        """[m, t, width] to [m, t, 3 width]."""
        return F.linear(inputs, self.weight, self.attention.in_proj_bias)


def listen_inside(model: nn.Module) -> dict[str, PackedProjection]:
    """Replace the forward pass of every plain attention module, in place; the module's results stay the same.

    Attention with extra keys, or with keys or values of another width, is left as it is.

    Returns:
        The attention's name in the model to its packed projection.
    """
    found = {}
    for name, module in model.named_modules():
        is_plain = type(module).forward is nn.MultiheadAttention.forward
        if is_plain and module.in_proj_weight is not None and module.bias_k is None and not module.add_zero_attn:
            found[name] = PackedProjection(module)
            object.__setattr__(module, "packed", found[name])
            module.forward = types.MethodType(_attend, module)
    return found


def _attend(
    attention: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What nn.MultiheadAttention.forward computes in eval mode, with the samples first."""
    if query.dim() != 3:
        return nn.MultiheadAttention.forward(
            attention, query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        )
    samples_first = [one if attention.batch_first else one.transpose(0, 1) for one in (query, key, value)]
    queries, keys, values = _projected(attention, *samples_first, is_self=query is key and key is value)
    mask = _additive(attention, attn_mask, key_padding_mask, queries)
    mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    output = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    weights = None
    if need_weights:
        scores = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
        weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
        weights = weights.mean(1) if average_attn_weights else weights
    return output if attention.batch_first else output.transpose(0, 1), weights


def _projected(
    attention: nn.MultiheadAttention, query: Tensor, key: Tensor, value: Tensor, is_self: bool
) -> list[Tensor]:
    """Queries, keys and values, each [m, heads, t, width of a head]."""
    if is_self:
        parts = attention.packed(query).chunk(3, dim=-1)
    else:
        # The rows of the packed weight that are not used get a zero gradient: one rule serves every kind of attention.
        parts = [attention.packed(one).chunk(3, dim=-1)[place] for place, one in enumerate((query, key, value))]
    return [part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in parts]


def _additive(
    attention: nn.MultiheadAttention, attn_mask: Tensor | None, padding: Tensor | None, like: Tensor
) -> Tensor | None:
    """Both masks as one to be added to the scores, [m or 1, heads or 1, t or 1, s]."""
    total = None
    if attn_mask is not None:
        total = _as_scores(attn_mask, like)
        total = total.unflatten(0, (-1, attention.num_heads)) if total.dim() == 3 else total
    if padding is not None:
        hidden = _as_scores(padding, like)[:, None, None, :]
        total = hidden if total is None else total + hidden
    return total


def _as_scores(mask: Tensor, like: Tensor) -> Tensor:
    """A mask of bools, True for what is hidden, as numbers to add."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, -torch.inf)
