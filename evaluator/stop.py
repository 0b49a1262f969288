"""A request to stop early that reaches every worker: in threads, processes or other machines."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stop:
    """A file whose existence is the request; unlike a threading.Event, it can be pickled."""

    path: Path

    @classmethod
    def inside(cls, folder: Path) -> "Stop":
        """A new request for a run into this folder, which need not exist."""
        return cls(folder.resolve() / f".{secrets.token_hex(8)}.stop")

    def request(self) -> None:
        """Ask all workers to stop; without the folder there are none."""
        with suppress(OSError):
            self.path.touch()

    def requested(self) -> bool:
        """Whether a stop has been requested."""
        return self.path.exists()

    def withdraw(self) -> None:
        """Remove the file, once all workers have ended."""
        with suppress(OSError):
            self.path.unlink()
