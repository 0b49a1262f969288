"""Audio for playback: pieces of a WAV as raw samples, which let all tracks share one clock."""

from pathlib import Path

from mdx.audio.soundfiles import open_sound
from mdx.serve.jobs import Job
from mdx.serve.refusals import Refused
from mdx.serve.shelf import Shelf
from mdx.serve.truths import Truths

MOST_SAMPLES = 1 << 20  # of a piece


class Sounds:
    """The tracks of a job: its stems, its song, and the true stems."""

    def __init__(self, shelf: Shelf, truths: Truths) -> None:
        self._shelf, self._truths = shelf, truths

    def find(self, job: Job, kind: str, name: str) -> Path:
        """The WAV of a track; raises Refused (404) if there is none."""
        if kind == "stem" and name in job.stems:
            return self._shelf.stem(job, name)
        if kind == "original" and job.has_original:
            return self._shelf.mixture(job)
        if kind == "truth" and name in self._truths.of(job):
            return self._shelf.truth(job) / f"{name}.wav"
        raise Refused(404, f"{job.id}: got the track {kind} '{name}', expected one it has")


def read_samples(path: Path, start: int, count: int) -> bytes:
    """Samples of a WAV as little-endian int16, channels interleaved; fewer at its end.

    Raises Refused for an invalid start or count.
    """
    if not (0 <= start < 1 << 40 and 0 < count <= MOST_SAMPLES):
        raise Refused(400, f"samples: got {start} and {count}, expected up to {MOST_SAMPLES}")
    with open_sound(path) as file:
        if start >= file.frames:
            return b""
        file.seek(start)
        return bytes(file.read(count, dtype="int16", always_2d=True).astype("<i2").tobytes())
