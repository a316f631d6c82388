"""`python -m explorer VERB …`, the explorer on the command line."""

import os
import sys

from explorer.cli.main import INTERRUPTED, main

if __name__ == "__main__":
    code = main()
    if code == INTERRUPTED:
        # Native threads may be in the middle of their work; taking the interpreter down around them can crash it.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
