"""`python -m explorer VERB …`, the explorer on the command line."""

import os
import sys

INTERRUPTED = 130


def run() -> int:
    """Run one command; Ctrl-C while Python still loads the libraries ends it like any other."""
    try:
        from explorer.cli.main import main

        return main()
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    code = run()
    if code == INTERRUPTED:
        # Native threads may be in the middle of their work; taking the interpreter down around them can crash it.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
