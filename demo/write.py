"""Writes track folders in MUSDB18-HQ layout with several processes, each folder atomically."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from demo.dsp import SAMPLE_RATE
from demo.errors import DemoError, not_installed
from demo.render import Request, render_song
from demo.score import STEMS
from mdx.processes import worker_processes

FACTS = "song.json"
_AUDIO = tuple(f"{stem}.wav" for stem in (*STEMS, "mixture"))


def write_songs(out: Path, requests: list[Request], *, jobs: int = 1) -> Iterator[Path]:
    """Render songs below `out` and yield each folder in turn; complete songs are left untouched.

    If it is stopped early, every song that is there is complete. Raises DemoError if `out` cannot
    be a folder, or if a song's folder in it holds something else.
    """
    for folder in (out, *{out / request.split for request in requests}):
        if folder.exists() and not folder.is_dir():
            raise DemoError(folder, got="a file", expected="a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(
            out, got=error.strerror, expected="a folder to write to", hint="choose another --out"
        ) from error
    with tempfile.TemporaryDirectory(dir=out, prefix=".demo-") as drafts:
        write = partial(_write_song, out, Path(drafts))
        if jobs == 1:
            yield from map(write, requests)
            return
        with worker_processes(jobs, work="songs") as pool:
            yield from pool.map(write, requests)


def _one_thread() -> AbstractContextManager[object]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise not_installed("songs", error, "it, which gives each song one thread") from error
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _write_song(out: Path, drafts: Path, request: Request) -> Path:
    """Write the track folder of a song atomically, unless it is complete."""
    folder = out / request.split / request.name
    if folder.exists() and not (folder / FACTS).is_file():
        raise DemoError(folder, got=f"no {FACTS}", expected="a song of the demo",
                        hint="choose another --out")  # fmt: skip
    if _is_complete(folder, request):
        return folder
    # Two threads would round sums differently from one. When other processes compete for the
    # CPUs, threads that wait for each other also take many times as long.
    with _one_thread():
        stems, facts = render_song(request)
    mixture = sum((x.astype(np.int32) for x in stems.values()), start=np.zeros(1, np.int32))
    draft = drafts / folder.name
    try:
        draft.mkdir()
        for name, x in (stems | {"mixture": mixture.astype(np.int16)}).items():
            soundfile.write(draft / f"{name}.wav", x.T, SAMPLE_RATE, subtype="PCM_16")
        (draft / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
        folder.parent.mkdir(exist_ok=True)
        if folder.exists():  # incomplete, or of another version or length; removed with the drafts
            os.replace(folder, drafts / f"{folder.name}.old")
        os.replace(draft, folder)
    except (OSError, soundfile.LibsndfileError) as error:
        raise DemoError(
            folder, got=f"an output that cannot be written ({error})", expected="room for the song",
            hint="the other songs are complete; run the same command again to continue",
        ) from error  # fmt: skip
    return folder


def _is_complete(folder: Path, request: Request) -> bool:
    frames = round(request.seconds * SAMPLE_RATE)
    try:
        facts = json.loads((folder / FACTS).read_text())
        if any(soundfile.info(folder / name).frames != frames for name in _AUDIO):
            return False
    except (OSError, ValueError, soundfile.LibsndfileError):
        return False
    wanted = {"packs": None, **request.identity()}
    return isinstance(facts, dict) and all(facts.get(key) == value for key, value in wanted.items())
