"""Small networks that between them use every kind of layer, and the ways in which layers can mislead."""

import torch
from torch import nn

from explorer.features.gradients import verified
from explorer.features.network import open_network
from explorer.subjects import Subject


def seeded(build):
    """A network from a builder, with weights that do not depend on what ran before."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def subject_of(model, inputs, classes=3, **more):
    """A classification subject with arbitrary labels."""
    labels = (torch.arange(len(inputs)) % classes).numpy()
    return Subject(name="test", model=model, dataset=inputs, labels=labels, **more)


def network_of(model, inputs, **more):
    """A verified network in float64, so that laws can be held exactly."""
    network = open_network(subject_of(model, inputs, **more), torch.device("cpu"))
    network.model.double()
    checked = inputs[:3] if inputs.dtype == torch.int64 else inputs[:3].double()
    return verified(network, checked)


class Pooled(nn.Module):
    """Anything, then the mean over all but samples and channels, then a linear head of three outputs."""

    def __init__(self, body, width, channels_last=False):
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, 3)
        self.channels_last = channels_last

    def forward(self, inputs):
        found = self.body(inputs)
        found = found.flatten(1, -2).mean(1) if self.channels_last else found.flatten(2).mean(2)
        return self.head(torch.tanh(found))


class Residual(nn.Module):
    """Grouped, strided and dilated convolutions with norms, a residual added in place, one layer used twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1, padding_mode="circular")
        self.norm = nn.BatchNorm2d(6)
        self.branch = nn.Conv2d(6, 6, 3, padding="same", groups=3, dilation=2)
        self.slope = nn.PReLU(6)
        self.down = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.layers = nn.GroupNorm(2, 8)
        self.twice = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, inputs):
        found = torch.relu_(self.norm(self.stem(inputs)))
        branch = self.branch(found)
        branch += found
        found = self.layers(self.down(self.slope(branch))).flatten(2).mean(2)
        return self.head(torch.tanh(self.twice(torch.tanh(self.twice(found)))))


class Tied(nn.Module):
    """The embedding's weight is also the weight of a linear layer, and a scale belongs to no layer."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(11, 5)
        self.mix = nn.Linear(5, 5)
        self.score = nn.Linear(5, 11, bias=False)
        self.score.weight = self.tokens.weight
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.head = nn.Linear(11, 3)

    def forward(self, tokens):
        return self.head(torch.tanh(self.score(self.mix(self.tokens(tokens).mean(1)))) * self.scale)


class TimeFirst(nn.Module):
    """A linear layer that sees positions before samples: its input does not start with the sample axis."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.head(torch.tanh(self.inner(inputs.transpose(0, 1))).mean(0))


class Borrowed(nn.Module):
    """A linear layer whose weight is used a second time behind its back."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        once = torch.tanh(self.inner(inputs))
        return self.head(torch.tanh(nn.functional.linear(once, self.inner.weight)))


class Named(nn.Module):
    """Calls its layers by the name of their argument."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, inputs):
        return self.head(input=torch.tanh(self.inner(input=inputs)))


class FlatHead(nn.Module):
    """Its last linear layer sees all positions of all samples as rows."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, inputs):
        rows = torch.tanh(self.inner(inputs)).flatten(0, 1)
        return self.head(rows).reshape(len(inputs), -1, 3).mean(1)
