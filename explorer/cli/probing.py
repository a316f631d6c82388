"""The verb that shows new inputs to the network of a study."""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import explorer
from explorer.cli.printing import print_json, print_table
from explorer.cli.reading import BESIDE
from explorer.errors import SettingsError
from explorer.study.study import Study

if TYPE_CHECKING:
    from explorer.pipeline.probe import Probe

MOST = 10_000
"""Inputs in all files together; more are a study of their own."""
FAMILIARITY = {
    "familiar": "familiar",
    "unusual": "unusual: at most 5 % of the samples have so little of their gradient seen",
    "unlike": "unlike the data: at most 1 % of the samples have so little of their gradient seen",
    "untold": "every sample's gradient is seen whole, so this tells nothing",
}


def show_probes(options: Namespace) -> None:
    """Print what the network of a study makes of the inputs in some files."""
    from explorer.pipeline.probe import inputs_of_file

    study = explorer.open_study(options.study)
    parts = []
    for file in options.files:
        parts.append(inputs_of_file(study, file))
        count = sum(map(len, parts))
        if count > MOST:
            raise SettingsError(f"expected at most {MOST:,} inputs, found {count:,}. Build a study of them.")
    probes = explorer.probe(study, np.concatenate(parts), k=options.k, exact=options.exact)
    places = [(str(file), row) for file, part in zip(options.files, parts, strict=True) for row in range(len(part))]
    if options.json:
        print_json([_record(study, *one) for one in zip(places, probes, strict=True)])
        return
    several = {str(file) for file, part in zip(options.files, parts, strict=True) if len(part) > 1}
    for number, ((file, row), probe) in enumerate(zip(places, probes, strict=True)):
        print(("\n" if number else "") + (f"{file} row {row}" if file in several else file))
        _print_probe(study, probe)


def _record(study: Study, place: tuple[str, int], probe: "Probe") -> dict[str, Any]:
    told = {name: value for name, value in vars(probe).items() if name not in ("picture", "neighbors")}
    neighbors = _neighbor_table(study, probe).to_dict(orient="records")
    return {"file": place[0], "row_in_file": place[1], **told, "neighbors": neighbors}


def _print_probe(study: Study, probe: "Probe") -> None:
    for name, value in _facts(study, probe).items():
        print(f"  {name:<16}  {value}")
    table = _neighbor_table(study, probe)
    if table.empty:
        print("  no neighbors: its gradient is zero or not finite")
    else:
        print_table(table, study.class_names)


def _facts(study: Study, probe: "Probe") -> Mapping[str, str]:
    facts = {"prediction": _answer(study, probe)}
    if probe.same_as is not None:
        facts["is"] = f"sample {probe.same_as}: the same input"
    if np.isfinite(probe.soft_density):
        facts["soft count"] = (
            f"{probe.soft_density:.4g} samples, more than {probe.soft_density_percentile:.0f} % of the samples have"
        )
        facts["captured energy"] = f"{probe.captured_energy:.4g}, {FAMILIARITY[probe.familiarity]}"
    return facts


def _answer(study: Study, probe: "Probe") -> str:
    if study.task != "classification":
        values = probe.prediction if isinstance(probe.prediction, tuple) else (probe.prediction,)
        return ", ".join(f"{value:.4g}" for value in values)
    if probe.prediction < 0:
        return "none: the answer is not finite"
    names = study.class_names
    name = names[probe.prediction] if names and probe.prediction < len(names) else probe.prediction
    return f"{name} (confidence {probe.confidence:.4g})"


def _neighbor_table(study: Study, probe: "Probe") -> pd.DataFrame:
    neighbors = probe.neighbors
    known = neighbors.indices >= 0
    table = pd.DataFrame({"row": neighbors.indices[known], "similarity": neighbors.similarities[known]})
    shown = [name for name in study.samples if BESIDE.fullmatch(name)]
    return pd.concat([table, study.samples.loc[table["row"], shown].reset_index(drop=True)], axis=1)
