"""Step statistics: every number about a sample that the samples table shows, and a few arrays beside it.

Samples without a usable gradient get nan and are left out of every sum; the sums of the averaging columns run over
the samples that the network was trained on.
"""

from typing import Any

import numpy as np
import torch

from explorer.features import exact_soft_density, rank_correlation
from explorer.pipeline.answers import Answers, answer_columns
from explorer.pipeline.averaging import averaging_columns
from explorer.pipeline.densities import HARD_THRESHOLD, density_columns, density_facts
from explorer.pipeline.doubts import doubt_columns
from explorer.pipeline.features import stored_projection
from explorer.pipeline.neighbors import network_neighbors
from explorer.pipeline.work import Outcome, Work
from explorer.similarity import inverse_square_root
from explorer.study.saving import save_array


def write_statistics(work: Work) -> Outcome:
    """Write one array a column, [n], and `neighbor_mean` and `label_mean`, [n, c], where they apply."""
    study = work.study
    answers = Answers.of(work.subject, study.rows("outputs"), study.rows("valid"))
    neighbors = network_neighbors(study)
    doubts, planted = doubt_columns(study, answers, neighbors)
    columns = {**answer_columns(answers), **density_columns(study), **doubts}
    counted, columns = _counted_exactly(work, columns) if work.settings.exact_density else ({}, columns)
    averaged, facts = averaging_columns(
        study, stored_projection(study), answers, work.meter.advance, work.run, work.meter.say
    )
    for name, values in {**columns, **averaged}.items():
        save_array(work.part / f"{name}.npy", values)
    floored, counting = _floored_samples(work), density_facts(study)
    notes = {
        **facts,
        **counted,
        **counting,
        **planted,
        "threshold": HARD_THRESHOLD,
        "label_neighbors": int(neighbors.indices.shape[1]),
        "floored_gram_samples": floored,
    }
    return Outcome(notes, [*_floored_words(floored, work.n), *_counting_words(counting, work.n)])


def _counted_exactly(
    work: Work, columns: dict[str, np.ndarray]
) -> tuple[dict[str, bool | float | None], dict[str, np.ndarray]]:
    """The soft count over full gradients in place of that over features, and how the two agree."""
    study, rows = work.study, np.flatnonzero(work.study.rows("valid"))
    exact = np.full(work.n, np.nan, dtype=np.float32)
    grams = study.rows("grams", rows)
    exact[rows] = work.in_memory(
        lambda settings: exact_soft_density(work.subject, stored_projection(study), rows, settings, grams)
    )
    agreement = rank_correlation(columns["soft_density"][rows], exact[rows])
    facts = {"exact_density": True, "soft_density_spearman": agreement if np.isfinite(agreement) else None}
    return facts, {**columns, "soft_density": exact, "soft_density_share": exact / work.n}


def _floored_samples(work: Work) -> int:
    """How many samples have outputs so nearly dependent that their similarity had to be stabilized."""
    counts = [
        int(inverse_square_root(torch.from_numpy(work.study.rows("grams", rows)))[1].sum()) for rows in work.shards
    ]
    return sum(counts)


def _floored_words(floored: int, n: int) -> list[str]:
    if not floored:
        return []
    return [
        f"{floored} of {n} samples have outputs whose gradients nearly depend on each other; "
        "their similarities compare only the directions in which their outputs can move independently."
    ]


def _counting_words(counting: dict[str, Any], n: int) -> list[str]:
    if counting["hard_density_counted_among"] == n:
        return []
    return [
        f"Hard counts of crowded samples are estimates: taken among {counting['hard_density_counted_among']} of {n} "
        "samples, in proportion."
    ]
