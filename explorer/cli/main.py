"""From a command line to an exit code: 0 done, 2 the input is at fault, 1 we are, 130 interrupted."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from explorer.cli.options import command_parser
from explorer.cli.printing import shown
from explorer.errors import ExplorerError

DONE, OUR_FAULT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `python -m explorer`; those of this process when left out.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    former = signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = command_parser().parse_args(words)
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted: run the same command again to go on")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`… | head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _told(error, is_debugging="--debug" in words)
    finally:
        signal.signal(signal.SIGTERM, former)
    return DONE


def _told(error: Exception, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exception(error)
    is_input = isinstance(error, ExplorerError)
    said = str(error) if is_input else f"{type(error).__name__}: {error}"
    hint = "" if is_input or is_debugging else " (this is a fault of the explorer; --debug shows where)"
    _say(f"error: {shown(' '.join(said.split()))}{hint}")
    return BAD_INPUT if is_input else OUR_FAULT


def _say(line: str) -> None:
    # A progress bar may stand half drawn on the terminal's last line.
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{start}{line}", file=sys.stderr)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
