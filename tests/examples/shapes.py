"""A folder of pictures and a small convolutional network: `python shapes.py` makes and trains them.

python shapes.py
python -m explorer build shapes --model shapes.py:network --weights shapes.pt --size 32 32 --study studies/shapes
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn


def network(classes):
    """[m, 3, 32, 32] -> [m, classes]; the explorer says how many classes there are."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4)),
        *(nn.Flatten(), nn.Linear(512, classes)),
    )


def make_pictures(folder, count, random):
    """Disks, squares and crosses of any color and size: a subfolder a class."""
    for number in range(count):
        picture = Image.new("RGB", (48, 40), tuple(random.integers(0, 120, 3).tolist()))
        pencil, color = ImageDraw.Draw(picture), tuple(random.integers(130, 256, 3).tolist())
        x, y, size = random.integers(14, 34), random.integers(12, 28), random.integers(5, 11)
        name = ("disk", "square", "cross")[number % 3]
        if name == "disk":
            pencil.ellipse((x - size, y - size, x + size, y + size), fill=color)
        elif name == "square":
            pencil.rectangle((x - size, y - size, x + size, y + size), fill=color)
        else:
            pencil.line((x - size, y, x + size, y), fill=color, width=3)
            pencil.line((x, y - size, x, y + size), fill=color, width=3)
        (folder / name).mkdir(parents=True, exist_ok=True)
        picture.save(folder / name / f"{number:04d}.png")


def read(path):
    """A picture as the explorer reads it: from 0 to 1, scaled to cover 32 × 32 and cut around the middle."""
    picture = Image.open(path).convert("RGB").resize((38, 32), Image.Resampling.BILINEAR).crop((3, 0, 35, 32))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255


def train(folder, epochs):
    """Fit the network to all pictures; classes are numbered in sorted order, as torchvision's ImageFolder does."""
    files = sorted(folder.glob("*/*.png"))
    names = sorted({file.parent.name for file in files})
    inputs = torch.stack([read(file) for file in files])
    labels = torch.tensor([names.index(file.parent.name) for file in files])
    model = network(len(names))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    pictures = Path("shapes")
    make_pictures(pictures, int(sys.argv[1]) if len(sys.argv) > 1 else 300, np.random.default_rng(0))
    torch.save(train(pictures, epochs=20).state_dict(), "shapes.pt")
