"""`mdx separate`: any number of songs; if one fails, the others continue."""

import argparse
import logging
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mdx.audio.drafts import remove_leftovers
from mdx.audio.encode import check_encoder
from mdx.audio.formats import Encoding
from mdx.audio.places import real_paths
from mdx.cli.environment import (
    apply_environment,
    check_threads,
    flag_of_environment,
    threads_of_environment,
    warn_of_unknown_variables,
)
from mdx.cli.inputs import Inputs, Song
from mdx.cli.names import Names, base_name
from mdx.cli.report import AboveBars, EventHandler, Events, Lines, Report
from mdx.cluster.drafts import remove_drafts
from mdx.errors import ConfigError, MdxError, OutputError
from mdx.estimators.front_ends import is_heavy
from mdx.limit.policy import Limit, find_limit
from mdx.runtimes.memory import save_memory
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.selection import stems_of

log = logging.getLogger(__name__)


def separate(args: argparse.Namespace) -> int:
    """Separate every song of the command line; returns the exit code."""
    report: Report = Events() if args.json else Lines(quiet=args.quiet)
    _log_to(report, args)
    try:
        return Batch(args, report).run()
    except MdxError as error:
        report.failed(None, error)
        return 1
    except Exception as error:  # for instance from a runtime that cannot load the networks
        report.failed(None, f"got {type(error).__name__} {error}, expected a system to load")
        if args.debug:
            traceback.print_exception(error)
        return 1
    finally:
        report.close()


class Batch:
    """The songs of one command, and how they are separated."""

    def __init__(self, args: argparse.Namespace, report: Report) -> None:
        """Raises ConfigError for options that contradict each other."""
        warn_of_unknown_variables()
        apply_environment(args)
        self._args, self._report = args, report
        self._counts = {"separated": 0, "skipped": 0, "failed": 0}
        # Path.is_file would raise where nothing may be read.
        if os.path.isfile(args.out):  # noqa: PTH113
            raise ConfigError("--out", got=f"'{args.out}', a file", expected="a folder")
        self._encoding = Encoding(args.format, args.subtype, args.bit_rate, args.rescale)
        check_encoder(self._encoding)
        spec = self._spec = find_system(args.system)[0]
        self._sources, self._rest = stems_of(spec, args.source, args.two_stems)
        self._limit = find_limit(args.limit, spec.limit)
        self._names = Names(args.out, args.name, spec.name, self._encoding.suffix)
        threads = args.threads
        self._threads = threads_of_environment() if threads is None else check_threads(threads)
        self._spend = args.spend_budget or flag_of_environment("MDX_SPEND_BUDGET")

    def run(self) -> int:
        """Separate the songs; returns the exit code, 0 only if all went well.

        Raises MdxError if the system cannot be loaded.
        """
        started = time.monotonic()
        inputs = Inputs(self._args.out)
        for argument in self._args.files:
            inputs.add(argument)
        for argument in self._args.lists:
            inputs.add_list(argument)
        for error in inputs.errors:
            self._fail(None, error)
        songs = self._named(inputs.songs)
        remove_leftovers(self._args.out, recursive=True)
        remove_drafts(self._args.out)
        if songs:
            self._separate_all(songs)
        self._report.summary(self._counts, time.monotonic() - started)
        return 1 if self._counts["failed"] else 0

    def _named(self, songs: list[Song]) -> list[tuple[Path, dict[str, Path]]]:
        # The songs to separate, with the paths of their stems.
        found = []
        for song, places, ambiguous in self._placed(songs):
            # Path.is_file would raise for a name that is too long, and end the batch.
            there = all(map(os.path.isfile, places.values()))
            if self._args.skip_existing and there and not ambiguous:
                self._skip(song.path, "its stems exist")
            else:
                found.append((song.path, places))
        return self._without_losses(found, [song.path for song in songs])

    def _placed(self, songs: list[Song]) -> list[tuple[Song, dict[str, Path], bool]]:
        # With the paths of their stems, and whether other songs of the same name may have been
        # given these by an earlier command.
        found, clashes = [], set()
        stems = (*self._sources, self._rest) if self._rest else self._sources
        seen: set[Path] = set()
        for song in songs:
            given = song.path.absolute()
            if given in seen:
                self._skip(song.path, "it is listed twice")
                continue
            seen.add(given)
            try:
                places, other_name = self._names.places(song, stems)
            except MdxError as error:
                self._fail(song.path, error)
                continue
            if other_name is not None:
                log.warning(
                    "%s: another song has the same name; stems are named after '%s'",
                    song.path,
                    other_name,
                )
                clashes.add(base_name(song.path))
            found.append((song, places))
        return [(song, at, base_name(song.path) in clashes) for song, at in found]

    def _without_losses(
        self, found: list[tuple[Path, dict[str, Path]]], songs: list[Path]
    ) -> list[tuple[Path, dict[str, Path]]]:
        # Without the songs whose stems would replace another song before it is read.
        inputs = dict(zip(real_paths(songs), songs, strict=True))
        kept = []
        for path, places in found:
            lost = [inputs[at] for at in real_paths(places.values()) if at in inputs]
            others = [song for song in lost if song != path]  # itself: the writer's error
            if others:
                self._fail(path, OutputError(
                    path, got=f"the song {others[0]} as a stem's place", expected="another folder",
                    hint="name one with -o",
                ))  # fmt: skip
            else:
                kept.append((path, places))
        return kept

    def _separate_all(self, songs: list[tuple[Path, dict[str, Path]]]) -> None:
        if self._args.cluster:
            self._separate_elsewhere(songs)
            return
        save_memory(give_back=is_heavy(self._spec))
        separator = Separator.load(
            self._args.system,
            sources=self._sources,
            limited=self._limit is not None and self._limit.kind != "none",
            spend_budget=self._spend,
            runtime=self._args.runtime,
            provider=self._args.provider,
            precision=self._args.precision,
            threads=self._threads,
        )
        for path, places in songs:
            self._separate(separator, path, places, self._limit)

    def _separate(
        self, separator: Separator, path: Path, places: Mapping[str, Path], limit: Limit | None
    ) -> None:
        started = time.monotonic()
        self._report.begun(path)
        try:
            stems = separator.separate_file(
                path, places, encoding=self._encoding, rest=self._rest, stream=self._args.stream,
                downmix=self._args.downmix, progress=self._report.progress, limit=limit,
            )  # fmt: skip
        except MdxError as error:
            self._fail(path, error)
        except Exception as error:  # whatever happened, go on with the other songs
            reason = f"{type(error).__name__} {error}".strip()
            self._fail(path, f"{path}: got {reason}, expected stems", error)
        else:
            self._done(path, stems, time.monotonic() - started)

    def _separate_elsewhere(self, songs: list[tuple[Path, dict[str, Path]]]) -> None:
        from mdx.cli.elsewhere import Elsewhere  # needed for clusters only

        limit = self._limit
        request = {
            "precision": self._args.precision,
            "runtime": self._args.runtime,
            "provider": self._args.provider,
            "sources": self._sources,
            "rest": self._rest,
            "limit": limit and asdict(limit),
            "limited": limit is not None and limit.kind != "none",
            "spend_budget": self._spend,
            "encoding": asdict(self._encoding),
            "stream": self._args.stream,
            "downmix": self._args.downmix,
        }
        elsewhere = Elsewhere(
            self._args.cluster, self._args.system, self._args.out, request, self._encoding.suffix,
            self._threads, quiet=self._args.quiet or self._args.json,
        )  # fmt: skip
        elsewhere.separate(songs, self._done, self._fail)

    def _done(self, song: Path, stems: Mapping[str, Path], seconds: float) -> None:
        self._counts["separated"] += 1
        self._report.done(song, stems, seconds)

    def _fail(self, song: Path | None, error: Any, cause: Exception | None = None) -> None:
        self._counts["failed"] += 1
        self._report.failed(song, error)
        if self._args.debug:
            traceback.print_exception(error if cause is None else cause)

    def _skip(self, song: Path, reason: str) -> None:
        self._counts["skipped"] += 1
        self._report.skipped(song, reason)


def _log_to(report: Report, args: argparse.Namespace) -> None:
    level = logging.ERROR if args.quiet else logging.INFO if args.verbose else logging.WARNING
    handler = EventHandler() if isinstance(report, Events) else AboveBars()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger("mdx")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
