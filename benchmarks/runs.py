"""A table of runs that grows run by run, so that an interrupted experiment goes on where it stopped."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from explorer.study.steps import write_file

SHIPPED = Path(__file__).parents[1] / "assets" / "experiments"


class Runs:
    """A Parquet table in which some columns say which run a line belongs to."""

    def __init__(self, path: Path, keys: tuple[str, ...]) -> None:
        """Take up the table at path, or begin one. keys are the columns that tell runs apart."""
        self.path, self.keys = path, keys
        self.table = pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=list(keys))
        self._done = set(map(tuple, self.table[list(keys)].itertuples(index=False)))

    def has(self, **key: Any) -> bool:
        """Whether the run of this key is in the table."""
        return tuple(key[name] for name in self.keys) in self._done

    def add(self, lines: pd.DataFrame, **key: Any) -> None:
        """Write the table with the lines of one run more, whole or not at all."""
        lines = lines.assign(**key)
        lines = lines[[*self.keys, *lines.columns.drop(list(self.keys))]]
        self.table = lines if self.table.empty else pd.concat([self.table, lines], ignore_index=True)
        save(self.table, self.path)
        self._done.add(tuple(key[name] for name in self.keys))


def save(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.getvalue())


def save_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Write how tables were made as JSON, with the version of torch, its threads and the day."""
    made = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_file(path, (json.dumps({**facts, **made}, indent=2) + "\n").encode())
