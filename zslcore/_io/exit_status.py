"""How a command ends: an exit status, and one line for what went wrong."""

import os
import re
import sys
from collections.abc import Callable

from zslcore._io.extras import MissingExtraError
from zslcore.errors import InputError

_COMPILER_ERRORS = ("InductorError", "BackendCompilerFailed")  # of torch.compile, without a C++ compiler for example
_ALLOCATION = re.compile(r"allocate (\d[\d.]* \w+)")  # in the errors of torch and numpy for too little memory


def exit_status(command: Callable[[], int]) -> int:
    """Run a command and return its exit status; mistakes, errors of files and memory, and interrupts are one line.

    Example:
        >>> exit_status(lambda: 0)
        0
    """
    try:
        status = command()
        print(end="", flush=True)  # nothing where the output is closed
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except (InputError, MissingExtraError, UserWarning) as error:  # a note, with PYTHONWARNINGS=error
        return fail(error, 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its exit
        return 141
    except (RuntimeError, MemoryError) as error:
        size = _ALLOCATION.search(str(error))
        if size or isinstance(error, MemoryError):
            given = f", {size[1]} could not be allocated" if size else ""
            return fail(f"there is too little memory{given}; lower image_size, ways or shots", 2)
        if type(error).__name__ not in _COMPILER_ERRORS:  # by name, because torch is not imported here
            raise
        reason = str(error).strip().split("\n")[0]
        return fail(f"the training step cannot be compiled: {reason}; leave compile false", 2)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return fail(f"{reason}: {error.filename}" if error.filename else reason, 2)
    return status


def fail(message: object, status: int) -> int:
    """Print an error as one line, and return the exit status."""
    print("zslcore:", " ".join(str(message).split()), file=sys.stderr)
    return status
