"""`python -m models.fetch SYSTEM...`: download a system's released weights and verify them.

Nothing in a download is executed, and no file gets its final name before it is verified. Without a
network, the command prints what to download by hand.
"""

import argparse
import logging
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from tqdm import tqdm

from mdx.cli.arguments import folder
from mdx.errors import DownloadError, MdxError, WeightsError
from mdx.systems.weights import CONVERT
from models.fetch.download import alone, discard, download
from models.fetch.place import check_archive, is_there, settle, take_from, unpack
from models.fetch.wanted import Wanted, find_wanted


def fetch(files: Sequence[Wanted]) -> None:
    """Download one file, or the zip that several are in.

    An interrupted download stays next to the first of them, as `<name>.part`, for the next call.
    Raises DownloadError or WeightsError; OSError where nothing can be written.
    """
    first = files[0]
    name = first.download_name if first.entry.member else first.path.name
    part = first.path.with_name(f"{name}.part")
    size = first.entry.archive_bytes if first.entry.member else first.entry.bytes
    with alone(part):
        try:
            with _Bar(name) as bar:
                download(first.url, part, size=size, progress=bar.update)
            if first.entry.member is None:
                settle(part, first)
            else:
                check_archive(part, first)
                for wanted in files:
                    unpack(part, wanted)
        except WeightsError:
            discard(part)  # continuing from it would fail again
            raise
        discard(part)


def bring(files: Iterable[Wanted], folder: Path | None) -> list[Wanted]:
    """Fetch files, or take them from a folder, and print each; returns those that failed."""
    batches: dict[str, list[Wanted]] = defaultdict(list)
    for item in files:
        together = item.entry.member is not None and folder is None
        batches[item.url if together else item.name].append(item)
    failed = []
    for batch in batches.values():
        came = _try(fetch, batch) if folder is None else _try(partial(_take, folder), batch)
        for item in batch:
            second = item.mirrored
            if not came and folder is None and second and not item.path.exists():
                _try(fetch, [second])
            if item.path.exists():
                print(f"{item.name}: fetched ({item.entry.licence or 'licence not known'})")
            else:
                failed.append(item)
    return failed


def _take(folder: Path, files: Sequence[Wanted]) -> None:
    take_from(folder, files[0])


def _try(bring_them: Callable[[Sequence[Wanted]], None], files: Sequence[Wanted]) -> bool:
    # Whether files were fetched; errors are printed.
    try:
        bring_them(files)
    except MdxError as error:
        _complain(error)
    except OSError as error:
        _complain(
            DownloadError(
                error.filename or files[0].path, got=error.strerror, expected="to write it",
                hint="what came is kept: give the command again",
            )
        )  # fmt: skip
    else:
        return True
    return False


def by_hand(files: Sequence[Wanted], systems: Sequence[str]) -> str:
    """Instructions for a manual download: the URLs, and where each file belongs."""
    lines = [
        "to do it by hand, download these into a folder, and then: "
        f"mdx fetch {' '.join(systems)} --from FOLDER"
    ]
    for url in dict.fromkeys(item.url for item in files):
        lines.append(f"  {url}")
        for item in files:
            if item.url == url:
                inside = f"{item.entry.member} in it, " if item.entry.member else ""
                lines.append(f"    {inside}{item.entry} -> {item.path}")
                if item.entry.mirror:
                    lines.append(f"    or {item.entry.mirror}")
    return "\n".join(lines)


def on_trust(files: Sequence[Wanted]) -> str:
    """Instructions for released files whose sha256 is unknown, which are not downloaded."""
    lines = [
        "no sha256 was published by which these could be checked, so they are not fetched; if you "
        "trust the place, download them yourself, and convert them:"
    ]
    for url in dict.fromkeys(item.url for item in files):
        lines.append(f"  {url}")
        for item in files:
            if item.url == url:
                inside = " in it" if item.entry.member else ""
                name = item.entry.becomes or item.name
                convert = CONVERT.format(checkpoint=item.base, name=name)
                note = f" ({item.entry.made_by})" if item.entry.made_by else ""
                lines.append(f"    {item.base}{inside}{note}: {convert}")
    return "\n".join(lines)


def get_parser(prog: str) -> argparse.ArgumentParser:
    """The command's options; `prog` is what the user typed."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument(
        "systems", nargs="+", metavar="SYSTEM", help="a system's name, or the path of its .yaml"
    )
    parser.add_argument(
        "--from", dest="folder", type=folder, metavar="FOLDER",
        help="take the files, or the zips that they are in, from this folder: no network is used",
    )  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m models.fetch") -> int:
    """Fetch missing files; returns the exit code: 1 if a file could not be fetched."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    args = get_parser(prog).parse_args(arguments)
    if args.folder is not None and not args.folder.is_dir():
        got = "a file" if args.folder.exists() else "no such folder"
        expected = "the folder with the files that were downloaded"
        _complain(DownloadError(f"--from {args.folder}", got=got, expected=expected))
        return 1
    try:
        wanted = {item.path: item for name in args.systems for item in find_wanted(name)}
        if not wanted:
            print("nothing to fetch: every file is here")
        unknown = [item for item in wanted.values() if not item.entry.is_known]
        missing, wrong = _look(item for item in wanted.values() if item.entry.is_known)
        failed = bring(missing, args.folder)
    except MdxError as error:
        _complain(error)
        return 1
    except OSError as error:
        _complain(WeightsError(error.filename, got=error.strerror, expected="a readable file"))
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to continue", file=sys.stderr)
        return 130
    for item in unknown:
        if item.path.is_file():
            print(f"{item.name}: there already, not checked because its sha256 is not known")
    if absent := [item for item in unknown if not item.path.is_file()]:
        print(on_trust(absent), file=sys.stderr)
    if failed:
        print(by_hand(failed, args.systems), file=sys.stderr)
    for item in wanted.values():
        if item.entry.becomes and item.path.is_file():
            command = CONVERT.format(checkpoint=item.path, name=item.entry.becomes)
            print(f"to be converted once: {command}")
    return 1 if failed or wrong or absent else 0


def _look(files: Iterable[Wanted]) -> tuple[list[Wanted], int]:
    # The missing files, and how many have another file in their place.
    missing, wrong = [], 0
    for item in files:
        try:
            if is_there(item):
                print(f"{item.name}: there already")
            else:
                missing.append(item)
        except WeightsError as error:
            _complain(error)
            wrong += 1
    return missing, wrong


def _complain(error: MdxError) -> None:
    print(f"error: {error}", file=sys.stderr)


class _Bar:
    """A progress bar over the bytes of one file."""

    def __init__(self, name: str) -> None:
        self._bar = tqdm(desc=name, unit="B", unit_scale=True, disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def update(self, here: int, total: int | None) -> None:
        """Show how many bytes are here, and how many there are in all."""
        self._bar.total = total
        self._bar.update(here - self._bar.n)


if __name__ == "__main__":
    # SIGTERM ends it like Ctrl-C: the download can be continued.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
