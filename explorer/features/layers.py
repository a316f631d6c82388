"""The kinds of layers: how each one's input and the gradient of its output make up its parameters' gradient."""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.features.blocks import Block, PositionBlock


class LinearLayer(PositionBlock):
    """nn.Linear on any leading shape; the first axis is the sample."""

    kind = "linear"

    @property
    def shape(self) -> tuple[int, int]:
        return self.module.out_features, self.module.in_features + int(self.has_bias)

    def prepare(self, inputs: Tensor, right: Tensor | None) -> Tensor:
        rows = inputs.reshape(inputs.shape[0], -1, inputs.shape[-1])  # [m, t, columns]
        if right is None:
            return F.pad(rows, (0, 1), value=1.0) if self.has_bias else rows
        if not self.has_bias:
            return F.linear(rows, right)
        return F.linear(rows, right[:, :-1].contiguous(), right[:, -1].contiguous())

    def contract(self, prepared: Tensor, deltas: Tensor, left: Tensor | None) -> Tensor:
        deltas = deltas.reshape(deltas.shape[0], -1, deltas.shape[-1])  # [m, t, rows]
        if left is not None:
            deltas = F.linear(deltas, left)
        if prepared.shape[1] == 1:
            return deltas[:, 0, :, None] * prepared[:, 0, None, :]
        return deltas.transpose(1, 2) @ prepared

    def output_rows(self, deltas: Tensor) -> Tensor:
        return deltas.reshape(deltas.shape[0], -1, deltas.shape[-1])

    def input_rows(self, inputs: Tensor) -> Tensor:
        return self.prepare(inputs, None)


class PackedLayer(LinearLayer):
    """The packed projection of queries, keys and values in nn.MultiheadAttention (see attention.PackedProjection)."""

    kind = "attention"


class EmbeddingLayer(LinearLayer):
    """nn.Embedding: a linear layer whose input is one-hot. Rows are the embedding's width, columns the vocabulary."""

    kind = "embedding"

    @property
    def shape(self) -> tuple[int, int]:
        return self.module.embedding_dim, self.module.num_embeddings

    def prepare(self, inputs: Tensor, right: Tensor | None) -> Tensor:
        tokens = inputs.reshape(inputs.shape[0], -1)
        if right is None:
            dtype = self.module.weight.dtype
            chosen = F.one_hot(tokens, self.module.num_embeddings).to(dtype)
        else:
            chosen = right.T[tokens]
        if self.module.padding_idx is not None:
            chosen = chosen * (tokens != self.module.padding_idx).unsqueeze(-1)
        return chosen

    def _equal(self, first: Tensor, second: Tensor) -> Tensor:
        equal = first == second
        if self.module.padding_idx is not None:
            equal = equal & (first != self.module.padding_idx)
        return equal.to(self.module.weight.dtype)

    def input_grams(self, inputs: Tensor, others: Tensor) -> Tensor:
        first, second = (tokens.reshape(len(tokens), -1) for tokens in (inputs, others))
        return self._equal(first[:, :, None, None], second[None, None])

    def own_grams(self, inputs: Tensor) -> Tensor:
        tokens = inputs.reshape(len(inputs), -1)
        return self._equal(tokens[:, :, None], tokens[:, None, :])

    def own_grams_cost(self, inputs: Tensor, positions: int) -> int:
        return positions**2

    def join(self, gradients: dict[str, Tensor]) -> Tensor:
        return gradients[self.parameters[0]].transpose(-1, -2)


class ConvolutionLayer(PositionBlock):
    """nn.Conv1d, 2d and 3d with any stride, dilation, padding and groups. Nothing is unfolded when projecting.

    The columns of the block run over the places of the kernel, and within a place over the channels; the bias is last.
    """

    kind = "convolution"

    @property
    def shape(self) -> tuple[int, int]:
        weight = self.module.weight
        return weight.shape[0], weight[0].numel() + int(self.has_bias)

    def _padded(self, inputs: Tensor) -> Tensor:
        conv = self.module
        if not any(conv._reversed_padding_repeated_twice):
            return inputs
        mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
        return F.pad(inputs, conv._reversed_padding_repeated_twice, mode=mode)

    def _patches(self, inputs: Tensor) -> Tensor:
        """All receptive fields, [m, groups, positions, columns without bias]."""
        conv = self.module
        # Channels last: what is copied lies together in memory, several times as fast as one pixel at a time.
        found = self._padded(inputs).movedim(1, -1).contiguous()
        found = found.unflatten(-1, (conv.groups, -1)).movedim(-2, 1)  # [m, g, *space, channels of a group]
        space = len(conv.kernel_size)
        for axis, (size, step, gap) in enumerate(zip(conv.kernel_size, conv.stride, conv.dilation, strict=True)):
            found = found.unfold(2 + axis, (size - 1) * gap + 1, step)[..., ::gap]
        found = found.movedim(2 + space, -1)  # [m, g, *positions, *kernel, channels]
        return found.flatten(2 + space).flatten(2, 1 + space)

    def _kernels(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Rows [r, columns] as weight [r, channels of a group, *kernel] and bias [r] of a convolution."""
        weight = self.module.weight
        bias = rows[:, -1].contiguous() if self.has_bias else None
        kernels = rows[:, : self.shape[1] - int(self.has_bias)].reshape(-1, *weight.shape[2:], weight.shape[1])
        return kernels.movedim(-1, 1).contiguous(), bias

    def _convolve(self, inputs: Tensor, rows: Tensor, groups: int) -> Tensor:
        conv = self.module
        convolve = (F.conv1d, F.conv2d, F.conv3d)[len(conv.kernel_size) - 1]
        padded = conv.padding_mode != "zeros"
        inputs, padding = (self._padded(inputs), 0) if padded else (inputs, conv.padding)
        return convolve(inputs, *self._kernels(rows), conv.stride, padding, conv.dilation, groups)

    def prepare(self, inputs: Tensor, right: Tensor | None) -> Tensor:
        groups = self.module.groups
        if right is None:
            rows = self._patches(inputs)
            return F.pad(rows, (0, 1), value=1.0) if self.has_bias else rows
        # The same small basis for every group: as many kernels a group.
        found = self._convolve(inputs, right.repeat(groups, 1), groups).flatten(2)
        return found.reshape(len(inputs), groups, len(right), -1).transpose(2, 3)  # [m, g, t, r]

    def contract(self, prepared: Tensor, deltas: Tensor, left: Tensor | None) -> Tensor:
        groups = self.module.groups
        deltas = deltas.flatten(2)  # [m, rows, t]
        if groups == 1:
            deltas = deltas if left is None else left @ deltas
            return deltas @ prepared[:, 0]
        grouped = deltas.reshape(deltas.shape[0], groups, -1, deltas.shape[-1])
        block = (grouped @ prepared).flatten(1, 2)
        return block if left is None else left @ block

    def join(self, gradients: dict[str, Tensor]) -> Tensor:
        weight = gradients[self.parameters[0]]
        channels = weight.dim() - len(self.module.kernel_size) - 1
        moved = weight.movedim(channels, -1).flatten(channels)
        return torch.cat([moved, *(gradients[name].unsqueeze(-1) for name in self.parameters[1:])], dim=-1)

    def along(self, inputs: Tensor, deltas: Tensor, direction: Tensor) -> Tensor:
        answers = self._convolve(inputs, direction, self.module.groups)
        return torch.linalg.vecdot(answers.flatten(1), deltas.flatten(1))

    @property
    def has_positions(self) -> bool:
        return self.module.groups == 1

    def output_rows(self, deltas: Tensor) -> Tensor:
        return deltas.flatten(2).transpose(1, 2)

    def input_rows(self, inputs: Tensor) -> Tensor:
        return self.prepare(inputs, None)[:, 0]

    def own_grams(self, inputs: Tensor) -> Tensor:
        """Two fields' inner product is a sum over the kernel of inner products of single pixels: nothing is unfolded,
        and the sum runs along one axis after the other.
        """
        conv, padded = self.module, self._padded(inputs)
        space = padded.shape[2:]
        pixels = padded.flatten(2)
        grams = (pixels.transpose(1, 2) @ pixels).reshape(-1, *space, *space)
        for axis, (size, step, gap) in enumerate(zip(conv.kernel_size, conv.stride, conv.dilation, strict=True)):
            first, second = 1 + axis, 1 + len(space) + axis
            count = (grams.shape[first] - (size - 1) * gap - 1) // step + 1
            shifted = (
                _strided(_strided(grams, first, o * gap, step, count), second, o * gap, step, count)
                for o in range(size)
            )
            grams = sum(shifted)
        positions = prod(grams.shape[1 : 1 + len(space)])
        grams = grams.reshape(-1, positions, positions)
        return grams + 1 if self.has_bias else grams

    def own_grams_cost(self, inputs: Tensor, positions: int) -> int:
        pixels = self._padded(inputs[:1]).flatten(2)
        return pixels.shape[2] ** 2 * (pixels.shape[1] + sum(self.module.kernel_size))


def _strided(values: Tensor, axis: int, start: int, step: int, count: int) -> Tensor:
    """Every step-th slice along an axis, as a view."""
    return values.narrow(axis, start, (count - 1) * step + 1)[(slice(None),) * axis + (slice(None, None, step),)]


class ScaleLayer(Block):
    """Layers that multiply a fixed function of their input by a weight and add a bias: norms and PReLU.

    The block has one row a channel; its columns are the weight and, if there is one, the bias.
    """

    kind = "scale"

    @property
    def shape(self) -> tuple[int, int]:
        return self.module.weight.numel(), 1 + int(self.has_bias)

    def _channels(self, values: Tensor) -> Tensor:
        """[m, rows, positions], whichever axis the channels stand on."""
        module = self.module
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            return values.reshape(values.shape[0], -1, module.weight.numel()).transpose(1, 2)
        if module.weight.numel() == 1:
            return values.reshape(values.shape[0], 1, -1)
        return values.reshape(values.shape[0], values.shape[1], -1)

    def prepare(self, inputs: Tensor, right: Tensor | None) -> Tensor:
        return self._channels(_normalized(self.module, inputs))

    def contract(self, prepared: Tensor, deltas: Tensor, left: Tensor | None) -> Tensor:
        deltas = self._channels(deltas)
        columns = [torch.linalg.vecdot(deltas, prepared)]
        if self.has_bias:
            columns.append(deltas.sum(-1))
        block = torch.stack(columns, dim=-1)  # [m, rows, columns]
        return block if left is None else left @ block


def _normalized(module: nn.Module, inputs: Tensor) -> Tensor:
    """What the weight of a scale layer is multiplied by."""
    match module:
        case nn.PReLU():
            return inputs.clamp(max=0)
        case nn.LayerNorm():
            return F.layer_norm(inputs, module.normalized_shape, eps=module.eps)
        case nn.RMSNorm():
            return F.rms_norm(inputs, module.normalized_shape, eps=module.eps)
        case nn.GroupNorm():
            return F.group_norm(inputs, module.num_groups, eps=module.eps)
        case _ if isinstance(module, INSTANCE_NORMS) and not module.track_running_stats:
            return F.instance_norm(inputs, eps=module.eps)
        case _:
            return F.batch_norm(inputs, module.running_mean, module.running_var, eps=module.eps)


BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
KINDS: dict[type[nn.Module], type[Block]] = {
    nn.Linear: LinearLayer,
    nn.Embedding: EmbeddingLayer,
    nn.Conv1d: ConvolutionLayer,
    nn.Conv2d: ConvolutionLayer,
    nn.Conv3d: ConvolutionLayer,
    **dict.fromkeys(
        (*BATCH_NORMS, *INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU),
        ScaleLayer,
    ),
}
"""Types and the formula of their gradients. Whatever is found wrong on real data is measured by torch.func."""


def kind_of(module: nn.Module) -> type[Block] | None:
    """The formula for a module: that of its type, or of the type whose forward pass it inherits; None without one."""
    known = (kind for base, kind in KINDS.items() if isinstance(module, base) and _inherits(module, base))
    return next(known, None)


def _inherits(module: nn.Module, base: type[nn.Module]) -> bool:
    return type(module).forward is base.forward
