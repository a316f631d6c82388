"""Data of one's own in a few files, for the tests of everything that reads them."""

import numpy as np
from PIL import Image

NETWORKS = """
import torch
from torch import nn

def picture_network(classes, channels):
    head = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), *head)

def row_network(features, classes):
    return nn.Sequential(nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, classes))

def greedy(features, width):
    return nn.Linear(features, width)

def number():
    return 3

def failing():
    raise RuntimeError("no network today")

ready = nn.Linear(2, 2)
"""


def write_networks(folder):
    """A file of network functions; gives its path."""
    (folder / "networks.py").write_text(NETWORKS)
    return folder / "networks.py"


def write_pictures(folder, count=12, size=(10, 12), channels=3):
    """A folder with a subfolder for each of three classes, brightness telling which; gives its path."""
    random = np.random.default_rng(0)
    for number in range(count):
        name = ("cats", "dogs", "eels")[number % 3]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = random.integers(80 * (number % 3), 80 * (number % 3) + 90, (*size, channels), dtype=np.uint8)
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(folder / name / f"{number:03d}.png")
    return folder
