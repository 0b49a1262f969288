"""Writing the stems of a song: appended block by block, then put in place all at once."""

import logging
import math
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile as sf

from mdx.errors import OutputError
from mdx.systems.spec import CHANNELS, Audio

log = logging.getLogger(__name__)
SUBTYPES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}  # bytes a sample
ALMOST_NOTHING = 1 << 20  # bytes that may be left on a full disk
WAV_LIMIT = 2**32 - 2**12  # bytes: a plain WAV cannot say more, RF64 can


class StemWriter:
    """WAV files under temporary names, one a source, renamed together when the song is complete.

    Leaving the block by an exception removes them: all stems exist, or none. Files that
    stood in their places before are put back where a rename fails.
    """

    def __init__(
        self, paths: Mapping[str, Path], *, sample_rate: int, frames: int, subtype: str = "PCM_16"
    ) -> None:
        """`frames` is the expected length: it chooses plain WAV or RF64, and asks for its room."""
        self._paths = {source: Path(path) for source, path in paths.items()}
        self._made: list[Path] = []  # folders
        self._drafts: dict[str, Path] = {}
        self._files: dict[str, sf.SoundFile] = {}
        self._peaks = dict.fromkeys(self._paths, 0.0)
        self._subtype = subtype
        self._sample_rate = sample_rate
        self._size = frames * CHANNELS * SUBTYPES[subtype]
        self._format = "WAV" if self._size < WAV_LIMIT else "RF64"
        self.written = 0  # samples of each stem

    def __enter__(self) -> Self:
        self._check_room()
        try:
            for source, path in self._paths.items():
                if path.is_dir():
                    raise OutputError(path, got="a directory", expected="the name of a file")
                self._make_folder(path.parent)
                draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
                self._drafts[source] = draft
                self._files[source] = sf.SoundFile(
                    draft, "w", self._sample_rate, CHANNELS, self._subtype, format=self._format
                )
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
            self._warn_of_clipping()
            self._put_in_place()
        except (OSError, sf.LibsndfileError) as failure:
            self._discard()
            raise _not_written(path, failure) from failure
        except BaseException:
            self._discard()
            raise

    def _check_room(self) -> None:
        for folder, stems in Counter(path.parent for path in self._paths.values()).items():
            try:
                there = next(part for part in (folder, *folder.parents) if part.exists())
                disk = shutil.disk_usage(there)
            except OSError as error:
                raise _not_written(folder / "stems", error) from error
            needed = self._size * stems
            if disk.total and disk.free < needed:  # some file systems tell of nothing at all
                raise OutputError(
                    folder, got=f"{disk.free // 10**6} MB of free disk",
                    expected=f"{math.ceil(needed / 1e6)} MB for {stems} stems",
                    hint="make room, or use another folder",
                )  # fmt: skip

    def _check_complete(self, source: str) -> None:
        # A file system may report a full disk as late as here.
        draft = self._drafts[source]
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        frames = sf.info(draft).frames
        if frames != self.written:
            raise OSError(f"only {frames} of {self.written} samples could be stored")

    def _put_in_place(self) -> None:
        kept: dict[Path, Path] = {}  # what stood there before: its place and its refuge
        placed: list[Path] = []
        try:
            for source, path in self._paths.items():
                if path.exists():
                    kept[path] = path.with_name(f"{self._drafts[source].name}.old")
                    os.replace(path, kept[path])
                os.replace(self._drafts[source], path)
                placed.append(path)
        except BaseException:
            for path in placed:
                path.unlink()
            for path, refuge in kept.items():
                if refuge.exists():
                    os.replace(refuge, path)
            raise
        for refuge in kept.values():
            with suppress(OSError):  # the new stems are in place all the same
                refuge.unlink()

    def _make_folder(self, folder: Path) -> None:
        for part in reversed([folder, *folder.parents]):
            if not part.exists():
                self._made.insert(0, part)
                part.mkdir(exist_ok=True)

    def _discard(self) -> None:
        for file in self._files.values():
            with suppress(OSError, sf.LibsndfileError):
                file.close()
        for draft in self._drafts.values():
            draft.unlink(missing_ok=True)
        for folder in self._made:
            with suppress(OSError):  # it holds something else by now
                folder.rmdir()

    def _warn_of_clipping(self) -> None:
        if self._subtype == "FLOAT":
            return
        for source, peak in self._peaks.items():
            if peak > 1:
                log.warning(
                    "%s: peaks at %.2f of full scale and was clipped; --float32 keeps it whole",
                    self._paths[source],
                    peak,
                )


def _not_written(path: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error) or "a short write"
    if path.parent.exists() and shutil.disk_usage(path.parent).free < ALMOST_NOTHING:
        reason = "the disk is full"  # libsndfile only knows of a "System error."
    return OutputError(
        path,
        got=f"an output that cannot be written ({reason})",
        expected="a writable folder with room for the stems",
        hint="no stem was written",
    )
