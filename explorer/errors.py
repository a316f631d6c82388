"""The family of errors.

    ExplorerError                     everything we raise on purpose; shown to people as one line
    ├── SettingsError (ValueError)    an option has a value that cannot be used
    ├── SubjectError  (ValueError)    a model, data set or label does not fit together
    ├── ShapeError    (ValueError)    an array or tensor is not what a function expects
    ├── DecisionError (ValueError)    a decision about a label, or a file of them, cannot be used
    ├── StudyError                    a folder of results cannot be used
    │   ├── StudyNotFound  (FileNotFoundError)   there is no study here
    │   ├── StudyMismatch  (ValueError)          it was made from something else, by something newer, or is damaged
    │   └── StepMissing    (LookupError)         a part of it has not been computed yet
    └── EngineError   (RuntimeError)  a computation could not be carried out

Each is also the built-in that a caller would expect. A message says what was expected, what was found, and what to do.
"""


class ExplorerError(Exception):
    """Base of all errors that are the input's fault and whose message is meant for people."""

    def __str__(self) -> str:
        # KeyError and LookupError quote their argument; a person should read the sentence itself.
        return " ".join(str(part) for part in self.args)


class SettingsError(ExplorerError, ValueError):
    """An option has a value that cannot be used."""


class SubjectError(ExplorerError, ValueError):
    """A model, a data set or its labels cannot be measured as they are."""


class ShapeError(ExplorerError, ValueError):
    """An array or tensor does not have the shape, dtype or values that a function expects."""


class DecisionError(ExplorerError, ValueError):
    """A decision about a label, or a file of decisions or labels, cannot be used."""


class StudyError(ExplorerError):
    """A study folder cannot be used."""


class StudyNotFound(StudyError, FileNotFoundError):
    """There is no study at this place."""


class StudyMismatch(StudyError, ValueError):
    """A study was made from something else, by a newer version, or has been damaged."""


class StepMissing(StudyError, LookupError):
    """A part of a study has not been computed yet."""


class EngineError(ExplorerError, RuntimeError):
    """A computation could not be carried out with the given engine or device."""


def first_line(error: BaseException, most: int = 200) -> str:
    """What an error says, for the sentence of another: its first line, or its name when it says nothing.

    Args:
        error: of a library, whose text may have many lines.
        most: characters that are kept.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]
