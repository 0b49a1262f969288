"""Folders of songs that are with a worker, which a killed client may leave behind."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from mdx.audio.drafts import abandoned

DRAFT = ".cluster-"
LOCK = "lock"  # a file in each that its client holds


def draft_folder(out: Path) -> Path:
    """A new name for such a folder, in the output folder."""
    return out / f"{DRAFT}{secrets.token_hex(8)}"


def remove_drafts(out: Path) -> None:
    """Remove the leftovers of killed clients from the output folder."""
    for folder in out.glob(f"{DRAFT}*"):
        with suppress(OSError), abandoned(folder / LOCK) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)
