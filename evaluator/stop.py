"""A request to end early that reaches every worker: in threads, processes or on other machines."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stop:
    """A file whose existence is the request; it can be pickled, as events cannot."""

    path: Path

    @classmethod
    def inside(cls, folder: Path) -> "Stop":
        """A new request for a run into this folder, which need not exist."""
        return cls(folder.resolve() / f".{secrets.token_hex(8)}.stop")

    def request(self) -> None:
        """Ask all workers to end; without the folder there are none."""
        with suppress(OSError):
            self.path.touch()

    def requested(self) -> bool:
        """Whether somebody asked."""
        return self.path.exists()

    def withdraw(self) -> None:
        """Remove the file, once nobody checks it any more."""
        with suppress(OSError):
            self.path.unlink()
