"""What benchmarks have in common: how they end without a figure, and whose figures they keep."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluator.json_files import write_json
from mdx.errors import ConfigError, MdxError


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Leave the program with one line on stderr and exit code 1, or 130 after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except (MdxError, OSError) as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:  # it has said why
        sys.exit(f"error: {shlex.join(error.cmd)}: exit code {error.returncode}")


def keep_settings(out: Path, **settings: Any) -> None:
    """Note in a folder of results what they are results of.

    Raises ConfigError if there are results of other settings already.
    """
    path = out / "settings.json"
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != settings:
        raise ConfigError(
            out, got=f"results of {found}", expected=f"those of {settings}",
            hint="remove the folder, or name another by --out",
        )  # fmt: skip
    write_json(path, settings)
