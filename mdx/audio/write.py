"""Writing the stems of a song: appended block by block, then put in place all at once."""

import logging
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile as sf

from mdx.audio.drafts import claim, draft_path, put_in_place, remove_leftovers
from mdx.audio.encode import encode
from mdx.audio.formats import CHALLENGE, SUBTYPES, Encoding
from mdx.audio.soundfiles import open_sound
from mdx.audio.tags import Tags
from mdx.errors import OutputError
from mdx.systems.spec import CHANNELS, Audio

log = logging.getLogger(__name__)
ALMOST_NOTHING = 1 << 20  # bytes that may be left on a full disk
WAV_LIMIT = 2**32 - 2**12  # bytes: the most that a plain WAV can state; RF64 can state more


class StemWriter:
    """Files under temporary names, one per source, renamed together when the song is complete.

    Each is a WAV at first, from which any other format is made at the end. An exception removes
    them: all stems exist, or none. If a rename fails, the files that were there before are
    restored.
    """

    def __init__(
        self, paths: Mapping[str, Path], *, sample_rate: int, frames: int,
        encoding: Encoding = CHALLENGE, tags: Tags | None = None,
    ) -> None:  # fmt: skip
        """`frames` is the length: it selects plain WAV or RF64, and reserves disk space.

        `tags` are written if the format supports them; WAV files get none.
        """
        self._paths = {source: Path(path) for source, path in paths.items()}
        self._made: list[Path] = []  # folders
        self._drafts: dict[str, Path] = {}
        self._files: dict[str, sf.SoundFile] = {}
        self._claims = ExitStack()
        self._peaks = dict.fromkeys(self._paths, 0.0)
        self._encoding = encoding
        self._tags = tags
        self._sample_rate = sample_rate
        self._size = frames * CHANNELS * SUBTYPES[encoding.draft]
        self._format = "WAV" if self._size < WAV_LIMIT else "RF64"
        self.written = 0  # samples of each stem

    def __enter__(self) -> Self:
        self._check_room()
        try:
            for path in self._paths.values():
                if path.is_dir():
                    raise OutputError(path, got="a directory", expected="the name of a file")
                self._make_folder(path.parent)
            # Before the first draft: over NFS, locks do not keep a process from its own files.
            for folder in {path.parent for path in self._paths.values()}:
                remove_leftovers(folder)
            for source, path in self._paths.items():
                draft = self._drafts[source] = draft_path(path)
                self._claims.enter_context(claim(draft))
                self._files[source] = open_sound(
                    draft, "w", samplerate=self._sample_rate, channels=CHANNELS,
                    subtype=self._encoding.draft, format=self._format,
                )  # fmt: skip
        except (OSError, sf.LibsndfileError) as error:
            self._discard()
            raise _not_written(path, error) from error
        except BaseException:
            self._discard()
            raise
        return self

    def append(self, stems: Audio) -> None:
        """Write the next block. Shape: (sources, 2, n), in the order of the paths."""
        for (source, file), stem in zip(self._files.items(), stems, strict=True):
            try:
                file.write(stem.T)
            except (OSError, sf.LibsndfileError, AssertionError) as error:
                # soundfile asserts that all samples were written, which a full disk prevents.
                raise _not_written(self._paths[source], error) from error
            self._peaks[source] = max(self._peaks[source], float(np.abs(stem).max(initial=0.0)))
        self.written += stems.shape[2]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            for source, file in self._files.items():
                path = self._paths[source]
                file.close()
                self._check_complete(source)
            self._tell_of_clipping()
            self._encode()
            put_in_place({path: self._drafts[source] for source, path in self._paths.items()})
        except (OSError, sf.LibsndfileError) as failure:
            self._discard()
            raise _not_written(path, failure) from failure
        except BaseException:
            self._discard()
            raise
        finally:
            self._claims.close()

    def _check_room(self) -> None:
        for folder, stems in Counter(path.parent for path in self._paths.values()).items():
            try:
                there = next(part for part in (folder, *folder.parents) if part.exists())
                disk = shutil.disk_usage(there)
            except OSError as error:
                raise _not_written(folder / "stems", error) from error
            needed = self._size * stems
            if disk.total and disk.free < needed:  # some file systems report nothing at all
                raise OutputError(
                    folder, got=f"{disk.free // 10**6} MB of free disk",
                    expected=f"{math.ceil(needed / 1e6)} MB for {stems} stems",
                    hint="make room, or use another folder",
                )  # fmt: skip

    def _check_complete(self, source: str) -> None:
        # A file system may report a full disk as late as here.
        draft = self._drafts[source]
        with draft.open("r+b") as file:  # Windows writes out only what may be written
            os.fsync(file.fileno())
        with open_sound(draft) as written:
            frames = written.frames
        if frames != self.written:
            raise OSError(f"only {frames} of {self.written} samples could be stored")

    def _encode(self) -> None:
        if self._encoding.is_draft:
            return
        for source, draft in self._drafts.items():
            coded = draft_path(self._paths[source])
            self._drafts[source] = coded  # what is discarded, or put in place
            try:
                self._claims.enter_context(claim(coded))
                encode(draft, coded, self._encoding, gain=self._gain, tags=self._tags)
            except (OSError, sf.LibsndfileError) as error:
                raise _not_written(self._paths[source], error) from error
            finally:
                draft.unlink()

    @property
    def _gain(self) -> float:
        # One gain for all stems: they still add up to the song, attenuated.
        return 1 / max(1.0, *self._peaks.values()) if self._encoding.rescale else 1.0

    def _make_folder(self, folder: Path) -> None:
        for part in reversed([folder, *folder.parents]):
            if not part.exists():
                self._made.insert(0, part)
                part.mkdir(exist_ok=True)

    def _discard(self) -> None:
        for file in self._files.values():
            with suppress(OSError, sf.LibsndfileError):
                file.close()
        self._claims.close()
        for draft in self._drafts.values():
            draft.unlink(missing_ok=True)
        for folder in self._made:
            with suppress(OSError):  # it contains something else by now
                folder.rmdir()

    def _tell_of_clipping(self) -> None:
        loud = {source: peak for source, peak in self._peaks.items() if peak > 1}
        if self._encoding.rescale and loud:
            log.warning(
                "%s: peaks at %.2f of full scale; all stems are turned down by %.1f dB",
                self._paths[max(loud, key=loud.__getitem__)], max(loud.values()),
                -20 * math.log10(self._gain),
            )  # fmt: skip
        elif not (self._encoding.is_draft and self._encoding.depth == "FLOAT"):
            lossless = self._encoding.depth != "FLOAT"
            clipped = "was clipped" if lossless else "will be clipped where it is played"
            whole = "--float32 keeps it whole, " if self._encoding.is_draft else ""
            for source, peak in loud.items():
                log.warning(
                    "%s: peaks at %.2f of full scale and %s; %s--rescale turns all stems down",
                    self._paths[source], peak, clipped, whole,
                )  # fmt: skip


def _not_written(path: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error) or "a short write"
    with suppress(OSError):  # there is no such folder, or its name is too long
        if shutil.disk_usage(path.parent).free < ALMOST_NOTHING:
            reason = "the disk is full"  # libsndfile only knows of a "System error."
    return OutputError(
        path,
        got=f"an output that cannot be written ({reason})",
        expected="a writable folder with room for the stems",
        hint="no stem was written",
    )
