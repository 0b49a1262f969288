"""How a benchmark ends that could not measure."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mdx.errors import MdxError


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Leave the program with an error's line on stderr and exit code 1, without a traceback."""
    try:
        yield
    except (MdxError, OSError) as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:  # it has said why
        sys.exit(f"error: {shlex.join(error.cmd)}: exit code {error.returncode}")
