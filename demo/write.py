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
_FILES = (*(f"{stem}.wav" for stem in (*STEMS, "mixture")), FACTS)


def write_songs(out: Path, requests: list[Request], *, jobs: int = 1) -> Iterator[Path]:
    """Render songs below `out` and yield each folder in turn; complete songs are left untouched.

    If it is stopped early, only complete songs remain. Raises DemoError if `out` is not a folder,
    or if a song's folder in it holds something else.
    """
    if out.exists() and not out.is_dir():
        raise DemoError(out, got="a file", expected="a folder")
    out.mkdir(parents=True, exist_ok=True)
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
    except (OSError, soundfile.LibsndfileError) as error:
        raise DemoError(
            folder, got=f"an output that cannot be written ({error})", expected="room for the song",
            hint="the other songs are complete; run the same command again to continue",
        ) from error  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():  # of an older version or another length; removed with the drafts
        os.replace(folder, drafts / f"{folder.name}.old")
    os.replace(draft, folder)
    return folder


def _is_complete(folder: Path, request: Request) -> bool:
    if not all((folder / name).is_file() for name in _FILES):
        return False
    try:
        facts = json.loads((folder / FACTS).read_text())
    except ValueError:
        return False
    wanted = {"packs": None, **request.identity()}
    return all(facts.get(key) == value for key, value in wanted.items())
