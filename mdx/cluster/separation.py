"""A worker's part of `mdx separate`, which separates the song in its process."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from mdx.audio.formats import Encoding
from mdx.cluster.there import WorkerSong
from mdx.errors import AudioError
from mdx.limit.policy import Limit
from mdx.separator import Separator

# Songs in parallel share one Separator, which must not be loaded twice.
_LOADING = threading.Lock()


class Withdrawal(threading.Event):
    """A cancel event that polls a condition instead of being set."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        super().__init__()
        self._asked = asked

    def is_set(self) -> bool:
        """Whether the client has cancelled the song, or is gone."""
        return self._asked()


def code() -> dict[str, str]:
    """Nothing besides the versions of mdx and of its packages."""
    return {}


def work(here: WorkerSong) -> dict[str, Any]:
    """Separate the song into `<stem><suffix>`; returns its error or None, and the warnings.

    An error of the song is part of the answer; raises whatever is the worker's or the system's.
    """
    asked, results = here.request, here.results
    encoding = Encoding(**asked["encoding"])
    load = {key: asked[key] for key in ("precision", "runtime", "provider", "sources", "limited")}
    load |= {"spend_budget": asked["spend_budget"], "threads": here.threads}
    error = None
    with _warnings() as warnings:
        with _LOADING:
            separator = _load(here.system, json.dumps(load, sort_keys=True))
        stems = (*separator.sources, *filter(None, [asked["rest"]]))
        try:
            separator.separate_file(
                here.song, {stem: results / f"{stem}{encoding.suffix}" for stem in stems},
                encoding=encoding, rest=asked["rest"], stream=asked["stream"],
                downmix=asked["downmix"], cancel=Withdrawal(here.cancelled),
                limit=Limit(**asked["limit"]) if asked["limit"] else None,
            )  # fmt: skip
        except AudioError as found:
            error = str(found).replace(str(here.song), asked["song"])
    # The results are in a folder for the time being, which names no song.
    texts = [
        text.replace(str(here.song), asked["song"]).replace(
            f"{results}{os.sep}", f"{asked['song']}: "
        )
        for text in warnings
    ]
    return {"error": error, "warnings": texts}


@lru_cache(maxsize=1)
def _load(system: Path, options: str) -> Separator:
    return Separator.load(system, **json.loads(options))


class _Collector(logging.Handler):
    # Of all songs in progress, only the warnings of this thread's.
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    collector, logger = _Collector(), logging.getLogger("mdx")
    logger.addHandler(collector)
    try:
        yield collector.texts
    finally:
        logger.removeHandler(collector)
