"""Peak memory of a build, step by step, for a data set whose features take much more than the network.

    python -m benchmarks.memory --samples 100000
    python -m benchmarks.memory                     (500,000 samples: 1 GB of features)

A small network on made-up rows is measured into a temporary study with 512 float32 features a sample. Linux only: the
peak that the kernel keeps for this process is set back as each step begins. Memory is what is resident, mapped files
included, beyond what the process held when the network and the samples were loaded.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from explorer.pipeline.build import build
from explorer.pipeline.progress import Advance
from explorer.records import Settings
from explorer.subjects import Subject

INPUTS, HIDDEN, CLASSES, GROUPS = 32, 16, 2, 200
WIDTH = 512


def main() -> None:
    """Print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, help="where the study is made and dropped; the system's choice if unset")
    chosen = parser.parse_args()
    subject = made_up_subject(chosen.samples)
    subject.check()
    base = resident("VmRSS")
    features = 4 * WIDTH * chosen.samples
    print(f"{chosen.samples:,} samples, {features / 2**20:,.0f} MiB of features, {base / 2**20:,.0f} MiB before")
    print(f"{'step':<12}{'seconds':>9}{'peak, MiB':>11}{'above, MiB':>12}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        settings = Settings(dim=WIDTH, outputs="predicted", device="cpu")
        build(subject, Path(folder) / "study", settings=settings, progress=Watch(base))


class Watch:
    """Prints a line when a step is finished, and forgets the peak when one begins."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.step = ""

    def __call__(self, advance: Advance) -> None:
        """Told by the build of every advance."""
        if advance.step != self.step:
            self.step = advance.step
            Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
        if advance.is_finished:
            peak = resident("VmHWM")
            above = (peak - self.base) / 2**20
            print(f"{advance.step:<12}{advance.seconds:>9.1f}{peak / 2**20:>11,.0f}{above:>12,.0f}", flush=True)


def made_up_subject(n: int) -> Subject:
    """A classifier of rows in groups, with random weights."""
    generator = torch.Generator().manual_seed(0)
    groups = torch.randint(0, GROUPS, (n,), generator=generator)
    centers = torch.randn(GROUPS, INPUTS, generator=generator)
    points = centers[groups] + 0.3 * torch.randn(n, INPUTS, generator=generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, CLASSES)).eval()
    picture = np.zeros((8, 8), dtype=np.uint8)
    return Subject(
        name="memory", model=network, dataset=points, labels=groups % CLASSES, picture=lambda sample: picture
    )


def resident(field: str) -> int:
    """Bytes that the kernel tells of this process: VmRSS for now, VmHWM for the peak."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[field].split()[0])


if __name__ == "__main__":
    main()
