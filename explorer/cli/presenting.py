"""The verb that writes a report of a study. It loads no torch."""

import time
from argparse import Namespace

import explorer
from explorer.cli.printing import in_bytes
from explorer.errors import SettingsError
from explorer.study.steps import write_file


def export_report(options: Namespace) -> None:
    """Write the report of a study as one HTML page."""
    from explorer.views.report.page import report_html

    out = options.out
    if out.suffix.lower() != ".html":
        raise SettingsError(f"--out must end in .html, found {out.name!r}. Name the file so.")
    if options.suspects < 0:
        raise SettingsError(f"--suspects must be at least 0, found {options.suspects}. Say how many to show.")
    if not out.parent.is_dir():
        raise SettingsError(f"expected a folder {out.parent} to write into, found none. Make it, or name another.")
    started = time.perf_counter()
    content = report_html(explorer.open_study(options.study), suspects=options.suspects).encode("utf-8")
    try:
        write_file(out, content)
    except OSError as error:
        raise SettingsError(f"expected a place to write {out}, found: {error.strerror}. Name another.") from error
    print(f"wrote {out}: {in_bytes(len(content))} in {time.perf_counter() - started:.1f} s")
