"""Jobs and songs on disk, each in a folder named by a random number."""

import json
import logging
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mdx.errors import ConfigError, MdxError
from mdx.files import write_atomically
from mdx.locks import Lock, lock
from mdx.serve.jobs import IDENTIFIER, Job

log = logging.getLogger(__name__)
JOB = "job.json"
MIX = "mix-"  # prefix of folders with mixes


class Shelf:
    """The folder of a server.

    songs/<id>/ has the uploaded song: `upload`, `mixture.wav`, `truth/<source>.wav`.
    jobs/<id>/ has the results: `job.json`, `stems/<stem>.wav`, `exports/`.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder and lock it; raises ConfigError if that fails."""
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("songs", "jobs"):
                (root / name).mkdir(exist_ok=True)
            self._lock = _locked(root / "lock")
        except OSError as error:
            raise ConfigError(root, got=error.strerror, expected="a writable folder") from error

    def close(self) -> None:
        """Release the folder for another server."""
        self._lock.close()

    def job_folder(self, job: Job) -> Path:
        """The folder of a job's results."""
        return self.root / "jobs" / _checked(job.id)

    def song_folder(self, job: Job) -> Path:
        """The folder of a job's song."""
        return self.root / "songs" / _checked(job.song)

    def upload(self, job: Job) -> Path:
        """The song as it was uploaded."""
        return self.song_folder(job) / "upload"

    def mixture(self, job: Job) -> Path:
        """The song, decoded."""
        return self.song_folder(job) / "mixture.wav"

    def stem(self, job: Job, stem: str) -> Path:
        """The path of one of a job's own stems."""
        assert stem in job.stems
        return self.job_folder(job) / "stems" / f"{stem}.wav"

    def truth(self, job: Job) -> Path:
        """The folder of the song's true stems."""
        return self.song_folder(job) / "truth"

    def save(self, job: Job) -> None:
        """Write a job; raises OutputError."""
        write_atomically(self.job_folder(job) / JOB, json.dumps(job.as_json(), indent=1))

    def load(self) -> list[Job]:
        """All jobs of an earlier server, the oldest first.

        Damaged jobs and songs of no job are removed; what no server made stays.
        """
        jobs, unreadable = [], False
        for folder in self._own("jobs"):
            try:
                job = _read(folder)
                for left in folder.glob(f"{MIX}*"):
                    _remove(left)
                jobs.append(job)
            except (FileNotFoundError, ValueError, MdxError) as error:
                log.warning("%s: %s; it is removed", folder.name, error)
                _remove(folder)
            except OSError as error:  # which may be gone the next time
                log.warning("%s: %s; it is left as it is", folder.name, error)
                unreadable = True
        known = {job.song for job in jobs}
        for folder in self._own("songs"):
            if folder.name not in known and not unreadable:
                _remove(folder)
        return sorted(jobs, key=lambda job: job.created)

    def _own(self, name: str) -> list[Path]:
        # The folders that a server made; whoever chose the root may keep other things there.
        found = (self.root / name).iterdir()
        return sorted(
            path for path in found if IDENTIFIER.fullmatch(path.name) and not path.is_symlink()
        )

    def drop_results(self, job: Job) -> None:
        """Remove the results of a job, but not the job itself."""
        for name in ("stems", "exports"):
            shutil.rmtree(self.job_folder(job) / name, ignore_errors=True)

    def remove(self, job: Job, *, with_song: bool) -> None:
        """Remove a job, and its song if no other job uses it."""
        _remove(self.job_folder(job))
        if with_song:
            _remove(self.song_folder(job))

    def without_folders(self, text: str) -> str:
        """A text that has the names of this folder's files in place of their paths."""
        return re.sub(rf"{re.escape(str(self.root))}(?:[/\\][\w.-]+)*[/\\]", "", text)

    def free(self) -> int:
        """The free bytes on the disk."""
        return shutil.disk_usage(self.root).free


def _read(folder: Path) -> Job:
    job = Job.of_json(json.loads((folder / JOB).read_text(encoding="utf-8")))
    if job.id != folder.name:
        raise ConfigError(folder, got=job.id, expected=folder.name)
    return job


def _checked(identifier: str) -> str:
    assert IDENTIFIER.fullmatch(identifier)
    return identifier


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        folder.unlink()


def _locked(path: Path) -> BinaryIO:
    file = path.open("ab")
    if lock(file) is Lock.BUSY:
        file.close()
        raise ConfigError(
            path.parent, got="a folder that another mdx serve has", expected="one of its own",
            hint="--folder names another",
        )  # fmt: skip
    return file
