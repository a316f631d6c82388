"""A small text classifier as a Subject: `python reviews.py` trains it.

python reviews.py
python -m explorer build reviews.py:subject --study studies/reviews
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import explorer

WEIGHTS = Path(__file__).with_name("reviews.safetensors")
GOOD, BAD = ("lovely", "great", "brilliant", "moving"), ("dull", "awful", "boring", "flat")
PLAIN = ("the", "a", "this", "film", "story", "cast", "music", "was", "really", "quite", "and", "its", "with", "very")
VOCABULARY = ["", *GOOD, *BAD, *PLAIN]  # number 0 fills up short texts
LENGTH = 12


class Classifier(nn.Module):
    """[m, LENGTH] token numbers -> [m, 2]: the mean of what is known of the words."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(VOCABULARY), 16)
        self.answer = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, tokens):
        known = (tokens != 0).unsqueeze(2)
        return self.answer((self.words(tokens) * known).sum(1) / known.sum(1).clamp(min=1))


def make_texts(count=300):
    """Made-up reviews and whether they are good; one in five says something of the other kind too."""
    random, texts, labels = np.random.default_rng(0), [], []
    for number in range(count):
        said, other = (GOOD, BAD) if number % 2 else (BAD, GOOD)
        words = [*random.choice(PLAIN, 6), *random.choice(said, 2), *random.choice(other, int(random.random() < 0.2))]
        texts.append(" ".join(random.permutation(words)))
        labels.append(number % 2)
    return texts, labels


def tokens_of(text):
    """[LENGTH] int64; words that are not in the vocabulary are passed over."""
    numbers = [VOCABULARY.index(word) for word in text.lower().split() if word in VOCABULARY][:LENGTH]
    return torch.tensor(numbers + [0] * (LENGTH - len(numbers)))


def subject():
    """What the explorer builds: network, samples and labels, and how a sample reads."""
    texts, labels = make_texts()
    model = Classifier()
    if WEIGHTS.exists():
        model.load_state_dict(load_file(WEIGHTS))
    return explorer.Subject(
        name="reviews",
        model=model,
        dataset=torch.stack([tokens_of(text) for text in texts]),
        labels=labels,
        class_names=["bad", "good"],
        columns={"text": texts},
        words=lambda tokens: " ".join(VOCABULARY[number] for number in tokens if number),
        read=lambda path: torch.stack([tokens_of(line) for line in path.read_text().splitlines()]),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    untrained = subject()
    optimizer = torch.optim.Adam(untrained.model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        answers = untrained.model(untrained.dataset)
        nn.functional.cross_entropy(answers, torch.from_numpy(untrained.targets)).backward()
        optimizer.step()
    save_file(untrained.model.state_dict(), WEIGHTS)
