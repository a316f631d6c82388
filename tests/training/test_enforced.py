"""What a training enforces, what it is told wrongly, and how it is counted: laws of the one loop with its options."""

from itertools import combinations

import networks
import numpy as np
import oracles
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from explorer.errors import SettingsError, SubjectError
from explorer.subjects import Subject
from explorer.subjects.recipes import Recipe
from explorer.training import Enforcement, Move, Pace, Snapshots, train, unit_activity
from explorer.training.activity import activity_row, dead_units
from explorer.training.batches import Draws, Misclassification
from explorer.training.loss import similarity_loss

RECIPE = Recipe(epochs=3, loss="cross-entropy", batch_size=8, learning_rate=0.01)
GIVEN = np.array([[8, 9], [10, 30], [11, 12]])


def pictures(model=None, **changes):
    """40 small pictures of four classes, of which the first eight are held out."""
    labels = torch.arange(40) % 4
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(40, 1, 6, 6, generator=generator) / 2
    inputs[torch.arange(40), 0, labels, labels] += 2
    build = lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.PReLU(), nn.Flatten(), nn.Linear(48, 4))  # noqa: E731
    sound = {
        "name": "pictures",
        "model": model or networks.seeded(build),
        "dataset": inputs,
        "labels": labels.numpy(),
        "split": np.where(np.arange(40) < 8, "held-out", "train"),
    }
    return Subject(**{**sound, **changes})


def weights(subject):
    return torch.cat([value.detach().flatten() for value in subject.model.parameters()])


def trained(recipe=RECIPE, subject=None, **options):
    subject = subject or pictures()
    log = train(subject, recipe, device="cpu", **options)
    return weights(subject), log


@pytest.mark.parametrize("pairs", ["class", "rotation", "shift", GIVEN], ids=str)
def test_rewarded_pairs_become_more_alike_than_penalised_ones(pairs):
    """Whatever the pairs: the logged similarity ends higher with reward than without, and lower with penalise."""
    ends = [
        trained(enforce=Enforcement(mode=mode, weight=weight, pairs=pairs))[1]["similarity"].iloc[-1]
        for mode, weight in (("penalise", 3.0), ("penalise", 0.0), ("reward", 3.0))
    ]
    assert ends == sorted(ends)
    assert ends[0] < ends[1] < ends[2]


def test_a_weight_of_zero_only_measures():
    """Bit for bit the training without anything enforced, with one more column."""
    plain, log = trained()
    watched, with_similarity = trained(enforce=Enforcement(weight=0.0))
    assert torch.equal(plain, watched)
    pd.testing.assert_frame_equal(
        log.drop(columns="seconds"), with_similarity.drop(columns=["seconds", "similarity"]), check_exact=True
    )


def test_a_step_follows_the_loss_and_the_similarity_of_its_own_batch():
    """One step of plain gradients by hand, with Adam's: its sign says where every parameter goes.

    Contrast compares samples of all classes, each by the same number: the class of the first against the rest.
    """
    recipe = Recipe(epochs=1, loss="cross-entropy", batch_size=32, learning_rate=1e-3, decay=False)
    subject = pictures()
    rows, model = subject.train_rows, networks.seeded(lambda: pictures().model)
    model.load_state_dict(subject.model.state_dict())
    inputs, labels = subject.inputs(rows), torch.from_numpy(subject.targets[rows])
    loss = nn.functional.cross_entropy(model(inputs), labels)
    first = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[0]
    one = labels[first].expand(len(labels))
    total = loss + 0.7 * similarity_loss(model, inputs, labels, mode="contrast", outputs="mask", labels=one)
    slopes = torch.cat([slope.flatten() for slope in torch.autograd.grad(total, list(model.parameters()))])
    before = weights(subject)
    moved = trained(recipe, subject, enforce=Enforcement(mode="contrast", weight=0.7))[0] - before
    clear = slopes.abs() > 1e-5
    torch.testing.assert_close(moved[clear], -1e-3 * slopes[clear].sign(), rtol=1e-2, atol=0)


def test_pairs_of_the_list_that_were_not_drawn_are_never_pushed_apart():
    """Where all pairs of the drawn samples are listed there is nothing to contrast with: contrast is reward."""
    everyone = np.array(list(combinations(range(8, 12), 2)))
    ends = [
        trained(enforce=Enforcement(mode=mode, pairs=everyone, outputs="all"))[0] for mode in ("contrast", "reward")
    ]
    assert torch.equal(*ends)
    part = trained(enforce=Enforcement(mode="contrast", pairs=GIVEN, outputs="all"))[0]
    assert not torch.equal(part, trained(enforce=Enforcement(pairs=GIVEN, outputs="all"))[0])


def test_the_logged_similarity_is_that_of_the_pairs():
    """Mean over the steps of the mean over pairs of a batch, before the step: here one step of all samples."""
    recipe = Recipe(epochs=1, loss="cross-entropy", batch_size=32)
    subject = pictures()
    model, labels = subject.model, subject.targets
    rows = subject.train_rows[:]
    pairs = [(one, other) for one in rows for other in rows if one < other and labels[one] == labels[other]]

    def masked(label):
        chosen = torch.full((4,), -1 / 3)
        chosen[label] = 1
        return lambda outputs: outputs @ chosen

    inputs = subject.inputs(range(40))
    exact = [
        oracles.pair_similarity(model, inputs[one], inputs[other], masked(labels[one])).item() for one, other in pairs
    ]
    log = trained(recipe, subject, enforce=Enforcement(weight=0.0))[1]
    assert log["similarity"].iloc[0] == pytest.approx(np.mean(exact), abs=1e-5)


def test_held_out_samples_are_never_compared_either():
    """Their pictures and labels can be anything, whatever is enforced."""
    for mode, pairs in (("contrast", "class"), ("contrast", "rotation"), ("reward", GIVEN)):
        ends = []
        for value in (0.0, 100.0):
            subject = pictures()
            inputs, labels = subject.inputs(range(40)), subject.targets.copy()
            inputs[:8], labels[:8] = value, 0
            other = pictures(dataset=inputs, labels=labels)
            ends.append(
                trained(subject=other, enforce=Enforcement(mode=mode, pairs=pairs), pace=Pace(steps=6, every=3))[0]
            )
        assert torch.equal(*ends)


def test_a_network_that_knows_training_from_evaluation_learns_as_it_would():
    """With batch statistics the loss is that of training mode; the enforced part does not touch them."""
    build = lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))  # noqa: E731
    ends = []
    for options in ({}, {"enforce": Enforcement(weight=0.0)}, {"enforce": Enforcement(weight=1e-20)}):
        subject = pictures(networks.seeded(build))
        trained(subject=subject, **options)
        ends.append([value.clone() for value in subject.model.state_dict().values()])
    for other in ends[1:]:
        assert all(torch.equal(one, two) for one, two in zip(ends[0], other, strict=True))


def test_a_network_whose_hooks_know_training_learns_as_it_would():
    """Spectral normalization goes on with its estimate in training mode, whatever is enforced."""
    build = lambda: nn.Sequential(  # noqa: E731
        nn.Flatten(), nn.utils.spectral_norm(nn.Linear(36, 8)), nn.Tanh(), nn.Linear(8, 4)
    )
    ends = []
    for enforce in (None, Enforcement(weight=1e-20)):
        subject = pictures(networks.seeded(build))
        trained(subject=subject, enforce=enforce)
        ends.append(subject.model.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_every_mode_learns_from_the_same_samples():
    """With one seed the drawn batches are alike, so arms can be compared step by step: the first loss is the same."""
    pace = Pace(steps=1, every=1)
    arms = [None, *(Enforcement(mode=mode) for mode in ("reward", "penalise", "contrast")), Enforcement(pairs="shift")]
    recipe = Recipe(epochs=1, loss="cross-entropy", batch_size=2)
    losses = [trained(recipe, enforce=arm, pace=pace, seed=5)[1]["loss"].iloc[0] for arm in arms]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


def test_pairs_are_drawn_as_a_class_and_two_of_its_training_samples():
    """Every class about equally often, whatever its size, and the two independently."""
    labels = np.where(np.arange(40) < 34, 0, np.arange(40) % 4)
    subject = pictures(labels=labels)
    recipe = Recipe(epochs=1, loss="cross-entropy", batch_size=2)
    batches = [rows.numpy() for rows in Draws(subject, recipe, Pace(steps=4000, every=4000), 0).of(0)]
    assert all(len(rows) == 2 and labels[rows[0]] == labels[rows[1]] for rows in batches)
    assert np.isin(np.concatenate(batches), subject.train_rows).all()
    present = np.unique(labels[subject.train_rows])
    shares = np.array([np.mean([labels[rows[0]] == one for rows in batches]) for one in present])
    # Five standard errors of a share among 4,000.
    assert (abs(shares - 1 / len(present)) < 5 * 0.5 / 4000**0.5).all()
    again = [rows.numpy() for rows in Draws(subject, recipe, Pace(steps=4000, every=1000), 0).of(2)]
    np.testing.assert_array_equal(again, batches[2000:3000])


def test_a_pace_counts_steps_and_measures_what_is_held_out():
    """A row every so many steps; told in steps."""
    told = []
    log = trained(pace=Pace(steps=6, every=2, draw="any"), progress=lambda *news: told.append(news[:2]))[1]
    assert log.columns.tolist() == ["step", "loss", "held_out_accuracy", "seconds"]
    assert log["step"].tolist() == [2, 4, 6]
    assert told == [(2, 6), (4, 6), (6, 6)]


def test_labels_are_replaced_with_the_probability_anew_in_every_step():
    """At p, a share p (C - 1) / C of the labels is another one, all classes alike, and other ones in another step."""
    subject = pictures()
    told = Misclassification(subject, 0.4, 4, seed=1)
    given = torch.zeros(20_000, dtype=torch.int64)
    first, second = told.told(given, 0), told.told(given, 1)
    # Five standard errors of a share among 20,000.
    assert (first != 0).double().mean().item() == pytest.approx(0.3, abs=5 * 0.46 / 20_000**0.5)
    counts = torch.bincount(first, minlength=4)[1:] / 20_000
    assert counts.tolist() == pytest.approx([0.1] * 3, abs=5 * 0.3 / 20_000**0.5)
    assert not torch.equal(first, second)
    assert torch.equal(first, told.told(given, 0))


def test_misclassification_of_nothing_changes_nothing():
    """P = 0 is the plain training, bit for bit; the log says which units fire. p = 1 forgets the labels."""
    plain, _ = trained()
    same, log = trained(misclassify=0.0)
    assert torch.equal(plain, same)
    assert {"activity", "dead", "activity_1"} <= set(log)
    forgotten = trained(misclassify=1.0)[1]
    assert forgotten["loss"].iloc[-1] > log["loss"].iloc[-1]


def test_units_that_never_fire_are_found_by_name():
    """A bias far below zero kills a unit of a linear layer and a channel of a convolution; the others are counted."""
    model = networks.seeded(
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(48, 5), nn.PReLU(), nn.Linear(5, 4)
        )
    )
    with torch.no_grad():
        model[3].bias.fill_(1.0)
        model[0].bias[1], model[3].bias[4] = -1e3, -1e3
    subject = pictures(model)
    inputs = subject.inputs(range(40))
    units = unit_activity(subject, inputs)
    assert units["layer"].tolist() == ["1"] * 3 + ["4"] * 5
    assert [tuple(one) for one in dead_units(units)[["layer", "unit"]].to_numpy()] == [("1", 1), ("4", 4)]
    with torch.no_grad():
        fires = (model[0](inputs) > 0).double().mean((0, 2, 3))
        behind = (model[:4](inputs) > 0).double().mean(0)
    np.testing.assert_allclose(units["activity"], torch.cat([fires, behind]).numpy())
    row = activity_row(units)
    assert (row["dead"], row["activity"]) == (2, pytest.approx(torch.cat([fires, behind]).mean().item()))
    assert row["activity_4"] == pytest.approx(behind.mean().item())


def test_rectifiers_that_are_no_modules_are_heard_at_the_layers_before():
    """Linear layers and convolutions, all but the last, which gives the answer; positions behind a linear layer."""

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(6, 3), nn.Linear(3, 4)

        def forward(self, inputs):
            return self.head(torch.relu(self.inner(inputs[:, 0])).mean(1))

    subject = pictures(networks.seeded(Plain))
    units = unit_activity(subject, subject.inputs(range(40)))
    with torch.no_grad():
        expected = (subject.model.inner(subject.inputs(range(40))[:, 0]) > 0).double().mean((0, 1))
    assert units["layer"].tolist() == ["inner"] * 3
    np.testing.assert_allclose(units["activity"], expected.numpy())
    assert unit_activity(pictures(nn.Sequential(nn.Flatten(), nn.Linear(36, 4))), subject.inputs([0])).empty


def test_snapshots_are_the_network_as_it_was(tmp_path):
    """Before the first epoch the first weights, after the last the final ones, and none that nobody asked for."""
    subject, seen = pictures(), {}
    first = weights(subject)
    out = tmp_path / "w.safetensors"
    trained(
        subject=subject,
        snapshots=Snapshots(out=out, at=(0, 1, 3), metadata={"seed": 7}),
        progress=lambda done, *_: seen.update({done: weights(subject)}),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"w.epoch-000{n}.safetensors" for n in (0, 1, 3)]
    for number, expected in {0: first, 1: seen[1], 3: weights(subject)}.items():
        kept = load_file(tmp_path / f"w.epoch-000{number}.safetensors")
        assert torch.equal(torch.cat([kept[name].flatten() for name, _ in subject.model.named_parameters()]), expected)


def test_a_snapshot_that_will_never_be_taken_is_refused_first(tmp_path):
    with pytest.raises(SettingsError, match="after epoch 9 was asked for"):
        trained(snapshots=Snapshots(out=tmp_path / "w.safetensors", at=(1, 9)))
    assert not list(tmp_path.iterdir())


def test_augmentation_learns_from_moved_copies():
    """The weights come out otherwise, alike for one seed."""
    plain, _ = trained()
    one, again = (trained(augment=Move(kind="rotation"))[0] for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, plain)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"enforce": Enforcement(pairs=np.array([[8, 40]]))}, SettingsError, "found row 40, which is none of 40"),
        ({"enforce": Enforcement(pairs=np.array([[8, 3]]))}, SettingsError, "found row 3, which is held out"),
        ({"enforce": Enforcement(pairs=np.array([[8, 8]]))}, SettingsError, "found 8 with itself"),
        ({"enforce": Enforcement(pairs=np.array([8, 9]))}, SettingsError, r"must be row numbers \[P, 2\]"),
        ({"enforce": Enforcement(pairs=np.array([[8, 9], [9, 8]]), mode="contrast")}, SettingsError, "two pairs"),
        ({"enforce": Enforcement(mode="contrast"), "subject": pictures(labels=np.zeros(40, dtype=np.int64))},
         SubjectError, "contrast needs two classes to train on, found one"),
        ({"misclassify": 1.5}, SettingsError, "must be a probability from 0 to 1, found 1.5"),
        ({"misclassify": float("nan")}, SettingsError, "must be a probability"),
        ({"pace": Pace(steps=4, every=2), "recipe": Recipe(epochs=1, loss="cross-entropy", batch_size=3)},
         SettingsError, "even batch size, found 3"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        trained(**options)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "praise"}, "mode must be one of reward, penalise, contrast"),
        ({"weight": -1.0}, "must be a number from 0, found -1.0"),
        ({"weight": float("inf")}, "must be a number from 0"),
        ({"outputs": "some"}, "outputs must be one of all, mask, found 'some'"),
        ({"pairs": "color"}, "pairs must be class, shift, rotation or row numbers, found 'color'"),
    ],
)
def test_an_enforcement_is_checked_when_it_is_made(settings, words):
    with pytest.raises(SettingsError, match=words):
        Enforcement(**settings)


def test_what_needs_classes_or_pictures_says_so():
    """A table of targets has neither."""
    table = Subject(
        name="table",
        model=networks.seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))),
        dataset=torch.randn(12, 4, generator=torch.Generator().manual_seed(0)),
        labels=np.linspace(0, 1, 12, dtype=np.float32),
    )
    recipe = Recipe(epochs=1, loss="l2")
    for options, words in (
        ({"enforce": Enforcement()}, "pairs of a class need classes, found regression"),
        ({"enforce": Enforcement(pairs="shift")}, "need pictures"),
        ({"enforce": Enforcement(pairs=np.array([[0, 1]]), outputs="mask")}, "a mask needs classes"),
        ({"augment": Move(kind="shift")}, "need pictures"),
        ({"misclassify": 0.1}, "misclassification needs classes"),
        ({"pace": Pace(steps=1, every=1)}, "pairs of a class need classes"),
    ):
        with pytest.raises(SubjectError, match=words):
            trained(recipe, table, **options)
    log = trained(recipe, table, enforce=Enforcement(pairs=np.array([[0, 1], [2, 3]])))[1]
    assert np.isfinite(log["similarity"]).all()
