"""Networks drawn at random: perceptrons, convolutions, transformers, recurrent networks, embedding classifiers."""

import random

import torch
from torch import nn


class Residual(nn.Module):
    """A body around which its input also flows."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, inputs):
        return inputs + self.body(inputs)


class Mean(nn.Module):
    """The mean over all axes but the samples and the given one."""

    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, inputs):
        return inputs.movedim(self.axis, 1).flatten(2).mean(2)


class Attention(nn.Module):
    """Attention in one of the ways in which people call it."""

    def __init__(self, width, heads, way, **options):
        super().__init__()
        self.way = way
        self.inner = nn.MultiheadAttention(width, heads, **options)

    def forward(self, tokens):
        tokens = tokens if self.inner.batch_first else tokens.transpose(0, 1)
        length = tokens.shape[1 if self.inner.batch_first else 0]
        if self.way == "causal":
            hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
            found = self.inner(tokens, tokens, tokens, attn_mask=hidden, need_weights=False)[0]
        elif self.way == "crossed":
            found, weights = self.inner(tokens, tokens.flip(-1), tokens.flip(-1) * 2)
            sharpness = weights.square().sum(-1, keepdim=True)  # [m, t, 1]
            found = found * (sharpness if self.inner.batch_first else sharpness.transpose(0, 1))
        else:
            padding = torch.zeros(tokens.shape[0 if self.inner.batch_first else 1], length, dtype=torch.bool)
            padding[:, -1] = True
            found = self.inner(tokens, tokens, tokens, key_padding_mask=padding)[0]
        return found if self.inner.batch_first else found.transpose(0, 1)


class Transformer(nn.Module):
    """Patches, a class token, positions, blocks with a learned scale, a head on the class token."""

    def __init__(self, draw):
        super().__init__()
        heads = draw.choice([1, 2])
        width = heads * draw.choice([2, 4])
        self.patches = nn.Conv2d(2, width, 2, 2)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 12, width))
        self.scale = nn.Parameter(torch.randn(width))
        self.joined = draw.random() < 0.5
        blocks = []
        for _ in range(draw.choice([1, 2])):
            way, first = draw.choice(["causal", "crossed", "padded"]), draw.random() < 0.5
            attention = Attention(width, heads, way, batch_first=first, bias=draw.random() < 0.7)
            norm = draw.choice([nn.LayerNorm, nn.RMSNorm])(width)
            blocks.append(Residual(nn.Sequential(norm, attention)))
            blocks.append(nn.TransformerEncoderLayer(width, heads, 6, batch_first=True, activation="gelu"))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 3)

    def forward(self, inputs):
        tokens = self.patches(inputs).flatten(2).transpose(1, 2)
        if self.joined:
            first = (self.token + self.positions[:, :1]).expand(len(tokens), -1, -1)
            tokens = torch.cat([first, tokens + self.positions[:, 1 : 1 + tokens.shape[1]]], dim=1)
        else:
            tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], dim=1)
            tokens = tokens + self.positions[:, : tokens.shape[1]]
        return self.head(self.scale * self.blocks(tokens)[:, 0])


class Recurrent(nn.Module):
    """A recurrent layer over tokens or over vectors."""

    def __init__(self, draw, vocabulary=None):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, 4) if vocabulary else nn.Identity()
        kind = draw.choice([nn.LSTM, nn.GRU, nn.RNN])
        self.inner = kind(4, 5, num_layers=draw.choice([1, 2]), batch_first=True, bidirectional=draw.random() < 0.3)
        self.head = nn.Linear(5 * (1 + self.inner.bidirectional), 3)

    def forward(self, inputs):
        return self.head(self.inner(self.tokens(inputs))[0].mean(1))


def perceptron(draw):
    width = draw.choice([3, 6])
    layers = [nn.Linear(4, width, bias=draw.random() < 0.7)]
    for _ in range(draw.choice([0, 1, 2])):
        norm = draw.choice([nn.LayerNorm(width), nn.BatchNorm1d(width), nn.PReLU(), nn.Identity()])
        body = nn.Sequential(norm, nn.Linear(width, width), nn.Tanh())
        layers += [draw.choice([nn.Tanh(), nn.GELU()]), Residual(body) if draw.random() < 0.5 else body]
    return nn.Sequential(*layers, nn.Linear(width, 3)), "vectors"


def convolutional(draw):
    width = draw.choice([4, 6])
    mode = draw.choice(["zeros", "reflect", "replicate", "circular"])
    layers = [nn.Conv2d(2, width, draw.choice([2, 3]), stride=draw.choice([1, 2]), padding=1, padding_mode=mode)]
    for _ in range(draw.choice([1, 2])):
        groups, dilation = draw.choice([1, 2, width]), draw.choice([1, 2])
        convolution = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=groups)
        norm = draw.choice([nn.BatchNorm2d(width), nn.GroupNorm(2, width), nn.InstanceNorm2d(width, affine=True)])
        layers.append(Residual(nn.Sequential(convolution, norm, draw.choice([nn.Tanh(), nn.PReLU(width)]))))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)), "images"


def embedded(draw):
    width = draw.choice([3, 5])
    norm = draw.choice([nn.LayerNorm(width), nn.Identity()])
    body = Residual(nn.Sequential(nn.Linear(width, width), nn.Tanh()))
    return nn.Sequential(
        nn.Embedding(11, width, padding_idx=draw.choice([None, 0])), norm, body, Mean(-1), nn.Linear(width, 3)
    ), "tokens"


FAMILIES = {
    "perceptron": perceptron,
    "convolutional": convolutional,
    "transformer": lambda draw: (Transformer(draw), "images"),
    "recurrent": lambda draw: (Recurrent(draw), "sequences"),
    "recurrent on tokens": lambda draw: (Recurrent(draw, vocabulary=11), "tokens"),
    "embedded": embedded,
}


def drawn(family, seed):
    """A network of a family with all numbers in it random, and five inputs for it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, kind = FAMILIES[family](random.Random(seed))  # noqa: S311
        for name, value in model.named_buffers():
            if name.endswith("running_mean"):
                value.uniform_(-1, 1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2)
        shapes = {"vectors": (5, 4), "images": (5, 2, 6, 6), "sequences": (5, 6, 4)}
        return model, torch.randint(0, 11, (5, 7)) if kind == "tokens" else torch.randn(shapes[kind])
