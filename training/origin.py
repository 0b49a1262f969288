"""The origin of a weights file, for the manifest."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Origin:
    """How a weights file was made."""

    made_by: str  # the command
    data: str | None = None  # names of the data sets
    attribution: str | None = None  # of recordings in them
    config: str | None = None
    commit: str | None = None


def git_commit(folder: Path = ROOT) -> str | None:
    """The commit of a checkout, with `-dirty` if files differ; None without git."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    found = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
