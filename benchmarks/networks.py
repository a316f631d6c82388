"""Trained networks to measure on: a residual network, a transformer and the product's own, on photographs of clothes.

The data is Fashion-MNIST as one file with `x` uint8 [20000, 28, 28] and `y` [20000] classes from 0 to 9. It is found by
--data, or by the environment variable EXPLORER_DATA, or in the folder ./data. Weights are trained once and kept.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from explorer.errors import SettingsError, SubjectError
from explorer.subjects import Subject
from explorer.subjects.networks import digit_network
from explorer.subjects.recipes import Recipe
from explorer.subjects.splits import stratified_split
from explorer.subjects.weights import load_weights, weights_metadata
from explorer.training.loop import train
from explorer.training.saving import save_weights

FILE = "fashion20k.npz"
DATA = Path(os.environ.get("EXPLORER_DATA", "data"))
"""Where the data is looked for when nothing else is said."""
CACHE = Path(tempfile.gettempdir()) / "explorer-benchmarks"
"""Where trained weights are kept when nothing else is said."""
SAMPLES, HELD_OUT_SHARE, SPLIT_SEED = 12_000, 1 / 6, 0
CLASSES = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
FAR_KINDS = ("noise", "inverted", "shuffled")
FAR_SEED = 0


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch normalization, and a way around them: [m, in, h, w] -> [m, out, h/s, w/s]."""

    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inward, outward, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outward)
        self.conv2 = nn.Conv2d(outward, outward, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outward)
        self.shortcut = nn.Sequential()
        if stride > 1 or inward != outward:
            self.shortcut = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))

    def forward(self, inputs: Tensor) -> Tensor:
        """The block's answer."""
        hidden = functional.relu(self.bn1(self.conv1(inputs)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(inputs))


def resnet20(classes: int = 10, channels: int = 1) -> nn.Module:
    """The residual network for CIFAR with 20 layers, 1 × 1 convolutions as shortcuts: [m, channels, h, w] -> [m, C].

    He et al. 2016, section 4.2. 272,186 parameters for one channel and ten classes.

    >>> sum(parameter.numel() for parameter in resnet20().parameters())
    272186
    """
    layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inward = 16
    for outward in (16, 32, 64):
        for place in range(3):
            layers.append(ResidualBlock(inward, outward, 2 if place == 0 and outward > 16 else 1))
            inward = outward
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


class AttentionBlock(nn.Module):
    """Attention and a perceptron, each after a layer normalization and around a shortcut: [m, t, d] -> [m, t, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """The block's answer."""
        normal = self.norm1(tokens)
        tokens = tokens + self.attention(normal, normal, normal, need_weights=False)[0]
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """Patches, a class token and learned positions through blocks of attention: [m, 1, size, size] -> [m, classes]."""

    def __init__(self, classes: int, size: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*[AttentionBlock(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.positions, std=0.02)
        nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        """The logits."""
        tokens = self.patches(inputs).flatten(2).transpose(1, 2)  # [m, t, d]
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1) + self.positions
        return self.head(self.norm(self.blocks(tokens))[:, 0])


def small_vit(
    classes: int = 10, size: int = 28, patch: int = 4, width: int = 128, depth: int = 6, heads: int = 4
) -> nn.Module:
    """An ordinary small vision transformer as people write them, with torch's own attention.

    Dosovitskiy et al. 2021, normalization before each part. 1,199,882 parameters as it stands.

    >>> sum(parameter.numel() for parameter in small_vit().parameters())
    1199882
    """
    return VisionTransformer(classes, size, patch, width, depth, heads)


def small_cnn() -> nn.Module:
    """The network of the bundled MNIST subjects: [m, 1, 28, 28] -> [m, 10]."""
    return digit_network()


NETWORKS: dict[str, Callable[[], nn.Module]] = {"resnet20": resnet20, "small_vit": small_vit, "small_cnn": small_cnn}
RECIPES = {
    "resnet20": Recipe(epochs=3, loss="cross-entropy", batch_size=128, learning_rate=2e-3),
    "small_vit": Recipe(epochs=6, loss="cross-entropy", batch_size=128),
    "small_cnn": Recipe(epochs=12, loss="cross-entropy", batch_size=128, learning_rate=2e-3),
}
"""How each network is trained: a few minutes on two cores that nobody else uses."""


def trained_subject(
    network: str, data: str | Path = DATA, epochs: int | None = None, seed: int = 0, cache: Path = CACHE
) -> Subject:
    """A network trained on Fashion-MNIST: 10,000 training samples, 2,000 held out.

    Args:
        network: resnet20, small_vit or small_cnn.
        data: the file fashion20k.npz, or the folder that holds it.
        epochs: in place of the recipe's own number.
        seed: chooses first weights and order of samples.
        cache: where weights are kept, and found the next time, as safetensors.

    Returns:
        The subject fashion-<network>; its description says the accuracies.

    Raises:
        SettingsError: there is no such network.
        SubjectError: the data is not there or has other shapes, or the kept weights are damaged.
    """
    if network not in NETWORKS:
        raise SettingsError(f"network must be one of {', '.join(NETWORKS)}, found {network!r}. Choose one of these.")
    recipe = RECIPES[network] if epochs is None else replace(RECIPES[network], epochs=epochs)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = NETWORKS[network]()
    subject = _fashion(f"fashion-{network}", model, Path(data))
    weights = Path(cache) / f"{subject.name}-epochs{recipe.epochs}-seed{seed}.safetensors"
    if not weights.is_file():
        log = train(subject, recipe, seed=seed, device="cpu")
        weights.parent.mkdir(parents=True, exist_ok=True)
        save_weights(model, weights, log.iloc[-1].to_dict())
    load_weights(model.eval(), weights, "Delete it, and it is trained again.")
    accuracies = "Accuracy {train_accuracy:.3f} on training samples, {held_out_accuracy:.3f} on held-out ones."
    return replace(subject, description=f"{subject.description} {accuracies.format(**weights_metadata(weights))}")


def far_inputs(subject: Subject, kind: str, rows: np.ndarray) -> Subject:
    """The same network on images that are far from its data, made from some of its samples.

    Args:
        subject: its inputs are images in [0, 1].
        kind: noise (uniform in [0, 1], nothing of the samples is left), inverted (1 - x), or shuffled (the pixels of
            all images in one and the same random order).
        rows: [m] which samples they are made from.

    Returns:
        A subject of m samples, each with the label of the sample that it was made from.
    """
    images = subject.inputs(rows)
    generator = torch.Generator().manual_seed(FAR_SEED)
    match kind:
        case "noise":
            far = torch.rand(images.shape, generator=generator)
        case "inverted":
            far = 1 - images
        case "shuffled":
            pixels = images.flatten(1)
            far = pixels[:, torch.randperm(pixels.shape[1], generator=generator)].reshape(images.shape)
        case _:
            raise SettingsError(f"kind must be one of {', '.join(FAR_KINDS)}, found {kind!r}. Choose one of these.")
    return replace(
        subject,
        name=f"{subject.name}-{kind}",
        dataset=TensorDataset(far),
        labels=subject.targets[rows],
        split=None,
        columns={},
        description=f"{kind} images in place of those of {subject.name}.",
    )


def _fashion(name: str, model: nn.Module, data: Path) -> Subject:
    images, labels = _read(data / FILE if data.is_dir() else data)
    return Subject(
        name=name,
        model=model,
        dataset=TensorDataset(torch.from_numpy(images)),
        labels=labels,
        class_names=CLASSES,
        split=stratified_split(labels, share=HELD_OUT_SHARE, seed=SPLIT_SEED),
        kind="image",
        description=f"{SAMPLES:,} images of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017).",
    )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """float32 [12000, 1, 28, 28] in [0, 1] and int64 [12000] classes: the first samples of the file."""
    if not path.is_file():
        raise SubjectError(f"expected Fashion-MNIST in {path}, found no such file. Say where it is with --data.")
    with np.load(path, allow_pickle=False) as arrays:
        images, labels = arrays["x"][:SAMPLES], arrays["y"][:SAMPLES]
    if images.shape != (SAMPLES, 28, 28) or images.dtype != np.uint8 or labels.shape != (SAMPLES,):
        raise SubjectError(
            f"expected x uint8 [at least {SAMPLES}, 28, 28] and y in {path}, found x {images.dtype} "
            f"{list(images.shape)}. Give another file with --data."
        )
    return images[:, None].astype(np.float32) / 255, labels.astype(np.int64)
