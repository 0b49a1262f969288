"""The process that separates: one Separator, songs one after another, a JSON object a line.

    python -m mdx.serve.worker '{"system": "demo", ...}'

It reads {"order": {"id": ..., ...}} and {"cancel": id}, and writes the events ready, original,
progress, done, failed, cancelled and unloadable. It ends with its parent, whose death closes its
standard input.
"""

import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from mdx.audio.drafts import remove_leftovers
from mdx.audio.soundfiles import open_sound
from mdx.errors import Cancelled, MdxError
from mdx.estimators.front_ends import is_heavy
from mdx.limit.policy import Limit
from mdx.runtimes.memory import save_memory
from mdx.separator import Separator
from mdx.serve.originals import Original, write_original
from mdx.serve.peaks import peaks_path, write_peaks
from mdx.systems.find import find_system

Orders = queue.SimpleQueue[tuple[dict[str, Any], threading.Event]]
PATHS = ("upload", "mixture", "out")  # of an order
EVERY = 0.1  # least seconds between two lines of progress


class Speaker:
    """Sends events to the parent, one per line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = 0.0

    def say(self, event: str, **facts: object) -> None:
        """Write one event."""
        print(json.dumps({"event": event, **facts}), file=self._stream, flush=True)

    def progress(self, done: int, total: int, stage: str) -> None:
        """Write the progress of a song from time to time."""
        now = time.monotonic()
        if now - self._last >= EVERY or done == total:
            self._last = now
            self.say("progress", done=done, total=total, stage=stage)


class Notes(logging.Handler):
    """The warnings of a song as text; the effect of a time limit is in `degraded`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store a warning."""
        if not record.name.startswith("mdx.limit."):
            self.lines.append(record.getMessage())


def main() -> None:
    """Load a Separator, and separate songs on the parent's orders."""
    speaker = Speaker(_private_stdout())
    asked = json.loads(sys.argv[1])
    orders: Orders = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    notes = Notes()
    logger = logging.getLogger("mdx")
    logger.handlers, logger.propagate = [notes], False
    try:
        save_memory(give_back=is_heavy(find_system(asked["system"])[0]))
        separator = Separator.load(**asked)
    except Exception as error:  # for instance from a runtime that cannot load the networks
        speaker.say("unloadable", reason=_reason(error, {}))
        return
    speaker.say("ready")
    while True:
        order, cancel = orders.get()
        notes.lines.clear()
        _carry_out(order, separator, speaker, cancel, notes)


def _carry_out(
    order: Mapping[str, Any], separator: Separator, speaker: Speaker, cancel: threading.Event,
    notes: Notes,
) -> None:  # fmt: skip
    # Paths mean nothing to a reader of the page.
    shown = {f"{order['out']}/": "", **dict.fromkeys(map(order.get, PATHS), order["name"])}
    started = time.monotonic()
    try:
        facts = _separate(order, separator, speaker, cancel)
    except Cancelled:
        speaker.say("cancelled")
    except Exception as error:  # whatever happened, go on with the other songs
        speaker.say("failed", reason=_reason(error, shown))
    else:
        seconds = round(time.monotonic() - started, 3)
        words = [_without_paths(line, shown) for line in notes.lines]
        speaker.say("done", notes=words, seconds=seconds, **facts)


def _separate(
    order: Mapping[str, Any], separator: Separator, speaker: Speaker, cancel: threading.Event
) -> dict[str, Any]:
    upload, mixture, out = (Path(order[key]) for key in PATHS)
    speaker.say("progress", done=0, total=0, stage="reading")
    speaker.say("original", **prepare(upload, mixture, order["most_seconds"], cancel)._asdict())
    remove_leftovers(out)
    limit = Limit(*order["limit"]) if order["limit"] else None
    stems = separator.separate_file(
        upload, out, rest=order["rest"], downmix=True, progress=speaker.progress, cancel=cancel,
        limit=limit,
    )  # fmt: skip
    for path in stems.values():
        write_peaks(path)
    return {"stems": list(stems), "degraded": degraded(out / "quality.json")}


def prepare(upload: Path, mixture: Path, most_seconds: float, cancel: threading.Event) -> Original:
    """Decode a song for playback, once; its peaks come last, so an interrupted one begins again.

    Raises as write_original does.
    """
    if peaks_path(mixture).is_file():
        with open_sound(mixture) as file:
            return Original(file.samplerate, file.frames)
    original = write_original(upload, mixture, most_seconds=most_seconds, cancel=cancel)
    write_peaks(mixture)
    return original


def degraded(path: Path) -> list[dict[str, Any]]:
    """The effect of the time limit: from which second of the song on, and which level."""
    if not path.is_file():
        return []
    quality = json.loads(path.read_text(encoding="utf-8"))
    labels = {level["index"]: level["label"] for level in quality["levels"]}
    return [
        {"from": decision["position"], "level": labels[decision["index"]]}
        for decision in quality["decisions"]
        if decision["index"] > 0
    ]


def _listen(orders: Orders) -> None:
    # A cancel may arrive when its order is already done; it must not affect the next one.
    current, cancel = None, threading.Event()
    for line in sys.stdin:
        message = json.loads(line)
        if "order" in message:
            current, cancel = message["order"]["id"], threading.Event()
            orders.put((message["order"], cancel))
        elif message["cancel"] == current:
            cancel.set()
    os._exit(0)  # the parent is gone, and nobody waits for the song in progress


def _private_stdout() -> TextIO:
    # Output of libraries goes to standard error; only events use the pipe.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def _reason(error: Exception, shown: Mapping[str, str]) -> str:
    if isinstance(error, MdxError):
        return _without_paths(str(error), shown)
    words = f"got {type(error).__name__} {error}, expected stems"
    return _without_paths(" ".join(words.split()), shown)


def _without_paths(text: str, shown: Mapping[str, str]) -> str:
    for path, name in shown.items():
        text = text.replace(path, name)
    return text


if __name__ == "__main__":
    main()
