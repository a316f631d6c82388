"""The networks of the bundled subjects, as plain torch modules."""

from itertools import pairwise

from torch import nn


def digit_network() -> nn.Sequential:
    """The small convolutional network of the paper's MNIST experiment: [m, 1, 28, 28] -> logits [m, 10].

    317,069 parameters. Paper: Charpiat et al. 2019, the experiment on enforcing similarity.

    >>> sum(parameter.numel() for parameter in digit_network().parameters())
    317069
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.PReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 64, 5),
        nn.PReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 256),
        nn.PReLU(),
        nn.Linear(256, 10),
    )


def multilayer_perceptron(widths: list[int]) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them: [m, ...] flattened to widths[0] -> [m, widths[-1]].

    >>> sum(parameter.numel() for parameter in multilayer_perceptron([2, *[64] * 6, 1]).parameters())
    21057
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inward, outward in pairwise(widths):
        layers += [nn.Linear(inward, outward), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
