"""Strange files, subjects and commands: a result or one sentence, no traceback, no hang, nothing half-written.

The suite tries a part; EXPLORER_FUZZ=1 tries it all.
"""

import csv
import io
import os
import warnings
from random import Random

import numpy as np
import pandas as pd
import pytest
import torch
from folders import bytes_of
from safety.asking import no_hang, run_command
from safety.test_fuzz_routes import NASTY, text_from
from torch import nn

from explorer.errors import ExplorerError, SubjectError
from explorer.study.decisions import Decisions
from explorer.study.label_files import COLUMNS, read_decisions, read_labels
from explorer.study.study import Study
from explorer.subjects import Subject

WHOLE = float(os.environ.get("EXPLORER_FUZZ", "0"))
FILES, SUBJECTS, COMMANDS = (round(most * WHOLE) or least for most, least in ((600, 60), (400, 60), (400, 50)))


def decision_line(random: Random, study: Study) -> dict:
    row = random.randrange(study.n)
    line = {
        "row": row,
        "label": int(study.samples["label"][row]),
        "decision": random.choice(("keep", "drop", "unsure", "relabel")),
        "new_label": "",
        "note": text_from(random).encode("utf-8", "replace").decode(),
        "decided_at": "2026-01-31T12:00:00.000+00:00",
        "who": "ann",
        "conflict": random.choice(("True", "false", "")),
    }
    line["new_label"] = str((line["label"] + 1) % 3) if line["decision"] == "relabel" else ""
    for key in random.sample(COLUMNS, random.choice((0, 0, 0, 0, 1, 2))):
        line[key] = (
            random.choice((*NASTY, 1.5, -1, 10**20, float("nan"))) if random.random() < 0.8 else text_from(random)
        )
    return line


def decision_file(random: Random, study: Study) -> tuple[str, bytes]:
    """A table of decisions as CSV or Parquet, whole or damaged."""
    lines = [decision_line(random, study) for _ in range(random.randrange(5))]
    columns = list(COLUMNS)
    if random.random() < 0.15:
        other = text_from(random).encode("utf-8", "replace").decode()
        columns = random.choice((columns[:-1], columns[2:], columns * 2, [*columns, other], ["x"], []))
    plain = [{name: str(cell).encode("utf-8", "replace").decode() for name, cell in line.items()} for line in lines]
    table = pd.DataFrame({name: [line.get(name, "") for line in plain] for name in dict.fromkeys(columns)})
    stream, ending = io.BytesIO(), random.choice((".csv", ".csv", ".parquet"))
    if ending == ".parquet":
        kinds = {"row": "int64", "label": "float64"} if random.random() < 0.5 else {}
        try:
            table.astype(kinds).to_parquet(stream, index=random.random() < 0.1)
        except (ValueError, OverflowError, KeyError):
            table.to_parquet(stream)
    else:
        text = io.StringIO()
        writer = csv.writer(text, quoting=random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
        writer.writerows([columns, *([line.get(name, "") for name in columns] for line in lines)])
        stream.write(text.getvalue().encode("utf-8", "surrogatepass"))
    content = bytearray(stream.getvalue())
    if content and random.random() < 0.25:
        start = random.randrange(len(content))
        content[start : start + random.randrange(1, 20)] = random.randbytes(random.randrange(20))
    return ending, bytes(content)


def test_any_file_of_decisions_is_taken_over_whole_or_not_at_all(tiny_folder, tmp_path):
    """Exit code 0 with what the file says, or 2 with one line and not a line in the log; so of labels."""
    random, study = Random(5), Study.open(tiny_folder)
    decisions = Decisions.open(study)
    taken = 0
    for number in range(FILES):
        ending, content = decision_file(random, study)
        path = tmp_path / f"file-{number}{ending}"
        path.write_bytes(content)
        before = decisions.version
        with no_hang(str(path)):
            code, out, error = run_command("labels", "import", tiny_folder, path)
        assert code in (0, 2), (content[:500], error)
        assert (code == 2) == (error.count("\n") == 1), error
        assert code == 0 or (decisions.version == before and not out), content[:500]
        assert not {"\x1b", "\r", "\0"} & set(out + error), "nothing that a terminal obeys"
        if code == 0:
            assert len(read_decisions(path, decisions.given)) >= 0
        with no_hang(str(path)):
            try:
                read_labels(path, decisions.given)
            except ExplorerError:
                assert code == 2
        taken += code == 0
        path.unlink()
    assert taken, "some of them make sense"


class Odd(torch.utils.data.Dataset):
    """A data set whose items are made by a function."""

    def __init__(self, item, length=24):
        self.item, self.length = item, length

    def __len__(self):
        return self.length

    def __getitem__(self, row):
        return self.item(row)


def odd_item(random: Random):
    """A function of the row that makes an item, now and then a reasonable one."""
    torch_types = (torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64)
    at, points = random.randrange(24), torch.arange(72, dtype=torch.float32).reshape(24, 3).sin()
    point = lambda row: points[row]  # noqa: E731
    return random.choice(
        (
            *([point] * 4, lambda row: (point(row), row % 3), lambda row: [point(row), row % 3])[0:3],
            lambda row: point(row).numpy(),
            lambda row: point(row).to(random.choice(torch_types)),
            lambda row: point(row)[: row % 3 + 1],
            lambda row: point(row) * (float("nan") if row == at else 1),
            lambda row: point(row) + torch.rand(3),
            lambda row: {"x": point(row), "y": 1},
            lambda row: (point(row), row, row),
            lambda row: "text" if row == at else point(row),
            lambda row: None,
            lambda row: 1 / (row - at) * point(row),
            lambda row: np.array(["a", "b", "c"]),
            lambda row: torch.zeros(0),
            lambda row: float(row),
            lambda row: point(row).reshape(1, 1, 3),
            lambda row: point(row).numpy()[::-1],
        )
    )


def odd_labels(random: Random):
    plain = [row % 3 for row in range(24)]
    return random.choice(
        (
            *([plain] * 6),
            *(
                None,
                np.array(plain),
                torch.tensor(plain),
                [str(one) for one in plain],
                plain[:-1],
                [],
                3,
                [-1, *plain[1:]],
            ),
            *([99, *plain[1:]], [0.5] * 24, [float("nan")] * 24, [1e300] * 24, [[one] for one in plain], [plain] * 24),
            *(
                np.array(plain, dtype="u8") + 2**63,
                [True, False] * 12,
                [None] * 24,
                [1j] * 24,
                [{}] * 24,
                pd.Series(plain),
            ),
            *(torch.tensor(plain).float(), np.array(plain, dtype=object), [[1], [2, 3]] * 12, np.zeros((24, 0))),
        )
    )


class Mistaken(nn.Module):
    """A network that answers with something else than a tensor of outputs."""

    def __init__(self, answer):
        super().__init__()
        self.layer, self.answer = nn.Linear(3, 3), answer

    def forward(self, inputs):
        return self.answer(self.layer(inputs.float()))


def odd_model(random: Random) -> nn.Module:
    answers = (
        *(
            lambda y: {"logits": y},
            lambda y: (y, y),
            lambda y: y[0],
            lambda y: y.sum(),
            lambda y: y.argmax(1),
            lambda y: None,
        ),
        *(lambda y: y * float("nan"), lambda y: y.detach(), lambda y: y + torch.rand(()), lambda y: y - y.mean(0)),
        *(lambda y: y[:, :0], lambda y: y.repeat(2, 1), lambda y: y.numpy(), lambda y: y[..., None], lambda y: 1 / 0),
    )
    return random.choice(
        (
            *([nn.Linear(3, 3)] * 5),
            *(nn.Linear(3, 1), nn.Linear(4, 3), nn.Identity(), nn.LazyLinear(3), nn.Sequential(), nn.Embedding(5, 3)),
            *(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)), "a network", None),
            *(
                nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).train(),
                nn.Linear(3, 3).double(),
                nn.Linear(3, 3).half(),
            ),
            *(Mistaken(random.choice(answers)), Mistaken(random.choice(answers)), Mistaken(random.choice(answers))),
        )
    )


def odd_words(random: Random) -> dict:
    names = random.choice(
        (None, None, None, ["a", "b", "c"], ["a"], [text_from(random) for _ in range(3)], [], [1, None, {}])
    )
    columns = {text_from(random): random.choice(([0] * 24, ["=1+1"] * 24, [1], [{}] * 24, [None, 1] * 12, [1j] * 24))}
    return {
        "name": random.choice(("plain", "plain", text_from(random))),
        "class_names": names,
        "task": random.choice((None, None, None, "classification", "regression", "guessing")),
        "split": random.choice((None, None, None, ["train"] * 24, ["test"] * 24, ["train"], 5)),
        "columns": random.choice(({}, {}, {}, columns)),
        "feature_names": random.choice((None, None, None, ["u", "v", "w"], ["u"])),
        "description": random.choice(("", text_from(random))),
    }


def test_any_subject_is_measurable_or_named(capfd):
    """Making and checking it raises one named error or none; its own mode and weights are as before."""
    random, good = Random(6), 0
    for number in range(SUBJECTS):
        parts = {"dataset": Odd(odd_item(random)), "labels": odd_labels(random), "model": odd_model(random)}
        parts |= odd_words(random)
        if random.random() < 0.5:  # mostly right, so that later checks are reached as well
            plain = {"dataset": [torch.rand(3) for _ in range(24)], "labels": [0, 1, 2] * 8, "model": nn.Linear(3, 3)}
            kept = random.choice(list(plain))
            parts = {**parts, **{name: value for name, value in plain.items() if name != kept}}
        with no_hang(f"subject {number}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                subject = Subject(**parts)
                subject.check()
                subject.fingerprint()
                for row in (0, 23):
                    assert subject.thumbnail(row).dtype == np.uint8
            except ExplorerError as error:
                assert str(error).strip() and "\n" not in str(error).strip()[:60]
                continue
            except Exception as error:
                raise AssertionError(f"subject {number}: {parts}") from error
        good += 1
    assert good, "some of them make sense"


def test_a_network_with_a_dict_is_told_what_to_do():
    subject = Subject(
        name="x", model=Mistaken(lambda y: {"logits": y}), dataset=list(torch.rand(24, 3)), labels=[0, 1, 2] * 8
    )
    with pytest.raises(SubjectError, match="a dict with keys logits.*outputs=lambda"):
        subject.check()


def test_a_data_set_that_shuffles_is_told_what_to_do():
    points = torch.rand(24, 3)
    shuffled = Odd(lambda row: points[int(torch.randint(24, ()))])
    with pytest.raises(SubjectError, match="the same item every time.*Turn off augmentation"):
        Subject(name="x", model=nn.Linear(3, 3), dataset=shuffled, labels=[0, 1, 2] * 8).check()


VERBS = (
    "subjects",
    "build",
    "status",
    "neighbors",
    "fidelity",
    "suspects",
    "labels",
    "samples",
    "train",
    "probe",
    "export",
    "",
)
FLAGS = (
    "--json",
    "-k",
    "-n",
    "--by",
    "--exact",
    "--out",
    "--study",
    "--dim",
    "--limit",
    "--seed",
    "--redo",
    "--rows",
    "--debug",
)
FLAGS += (
    "--help",
    "--device",
    "--epochs",
    "--labels",
    "--who",
    "--all",
    "--cleaned",
    "--model",
    "--weights",
    "--",
    "-",
    "--x",
)


def test_any_command_line_ends_with_a_code_and_one_line(tiny_folder, tmp_path, monkeypatch):
    """0 or 2, one line of error, the study untouched; words come from verbs, flags, paths and nonsense."""
    monkeypatch.chdir(tmp_path)
    random, before, done = Random(7), bytes_of(tiny_folder), 0
    for _ in range(COMMANDS):
        words = [random.choice(VERBS)]
        if words == ["labels"]:
            words.append(random.choice(("export", "import", "burn")))
        if random.random() < 0.8:
            words.append(random.choice((str(tiny_folder), str(tiny_folder), "nowhere", str(tmp_path))))
        for _ in range(random.randrange(4)):
            words.append(
                random.choice((*FLAGS, "0", "7", "-1", "digits.csv", "x.parquet", "network", text_from(random)))
            )
        words = [word.replace("\0", "") for word in words]  # no operating system passes these on
        if words[0] in ("build", "train") and not {"--help"} & set(words):
            words = [word for word in words if word not in ("digits", "mnist")]
        with no_hang(str(words), 60):
            code, out, error = run_command(*words)
        assert code in (0, 2), (words, error)
        if "--debug" not in words:
            assert (code == 2) == (error.startswith("error: ") and error.count("\n") == 1), (words, error)
        assert code == 0 or "--json" not in words or not out
        done += code == 0
    assert done, "some of them make sense"
    assert {path: one for path, one in bytes_of(tiny_folder).items() if "sqlite" not in path} == before
