"""Verbs about labels: decisions out of a study and into it. They load no torch."""

from argparse import Namespace
from typing import Any

import explorer
from explorer.study.decisions import Decisions
from explorer.study.label_files import export_decisions, export_labels, read_decisions


def save_decisions(options: Namespace) -> None:
    """Write the decisions of a study to a file, or the labels that come out of them."""
    decisions = Decisions.open(explorer.open_study(options.study))
    if options.cleaned:
        cleaned = export_labels(decisions, options.out)
        changed = cleaned.changed(decisions.given.values).sum()
        dropped = (~cleaned.keep).sum()
        print(f"wrote {len(cleaned.keep):,} labels to {options.out}: {changed:,} changed, {dropped:,} dropped")
        in_conflict = _in_conflict(decisions.standing())
        if in_conflict:
            print(f"note: {in_conflict} as given, because people decided differently about them")
    else:
        table = export_decisions(decisions, options.out, everyone=options.all)
        print(f"wrote {len(table):,} decisions about {table['row'].nunique():,} samples to {options.out}")
        in_conflict = _in_conflict(table)
        if in_conflict:
            print(f"note: about {in_conflict} people decided differently; all are in the file")


def take_decisions(options: Namespace) -> None:
    """Take the decisions of a file into a study."""
    decisions = Decisions.open(explorer.open_study(options.study))
    found = read_decisions(options.file, decisions.given, options.who)
    added = decisions.adopt(found, options.who)
    stood = f"; {len(found) - added:,} stood already" if added < len(found) else ""
    print(f"imported {added:,} decisions from {options.file} into {options.study}{stood}")


def _in_conflict(table: Any) -> str:
    count = table.loc[table["conflict"], "row"].nunique()
    return f"{count:,} sample{'s' * (count != 1)}" if count else ""
