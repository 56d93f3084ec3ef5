"""How a command ends: an exit status, and one line for what went wrong."""

import os
import sys
from collections.abc import Callable

from zslcore._io.extras import MissingExtraError
from zslcore.errors import InputError

_COMPILER_ERRORS = ("InductorError", "BackendCompilerFailed")  # of torch.compile, without a C++ compiler for example


def exit_status(command: Callable[[], int]) -> int:
    """Run a command and return its exit status; a mistake, an error of a file and an interrupt are one line.

    Example:
        >>> exit_status(lambda: 0)
        0
    """
    try:
        status = command()
        print(end="", flush=True)  # nothing where the output is closed
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except (InputError, MissingExtraError) as error:
        return fail(error, 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its exit
        return 141
    except RuntimeError as error:
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
