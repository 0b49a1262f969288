"""`mdx serve`: its options and their checks."""

import argparse
import logging
import secrets
import sys
from shlex import quote

from mdx.cli.arguments import add_runtime_arguments, folder
from mdx.cli.environment import apply_environment, check_threads, threads_of_environment
from mdx.cli.process import Stopped, say
from mdx.errors import ConfigError
from mdx.systems.find import DEFAULT_SYSTEM, system_names
from mdx.systems.weights import PRECISIONS

PORT = 8639
SHORTEST_TOKEN = 16  # characters
EXAMPLES = """examples:
  mdx serve --open                           this machine only; the browser opens
  mdx serve --host 0.0.0.0                   anybody who has the printed address
  mdx serve --folder /data/songs --keep 168  another folder; songs are kept for a week
"""
PUBLIC = (
    "served to the network: whoever has the address with its token can hear your songs and use "
    "your CPU; the connection is not encrypted"
)


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mdx serve`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    where = parser.add_argument_group("address")
    where.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen on; one that other machines can reach requires a token "
        "(default: %(default)s)",
    )  # fmt: skip
    where.add_argument(
        "--port", type=int, default=PORT, help="port; 0 chooses a free one (default: %(default)s)"
    )
    where.add_argument(
        "--token", metavar="SECRET",
        help=f"secret that the browser must send, at least {SHORTEST_TOKEN} characters (default: "
        "none if only this machine is served, otherwise a random one, which is printed)",
    )  # fmt: skip
    where.add_argument("--open", action="store_true", help="open the page in a browser")
    _add_keeping(parser.add_argument_group("storage"))
    _add_separation(parser.add_argument_group("separation"))


def _add_keeping(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--folder", type=folder, metavar="FOLDER",
        help="folder for songs and stems (default: ~/.cache/mdx/serve)",
    )  # fmt: skip
    group.add_argument(
        "--keep", type=float, default=24.0, metavar="HOURS",
        help="delete finished songs after this many hours (default: %(default)g)",
    )  # fmt: skip
    group.add_argument(
        "--max-upload", type=float, default=2000.0, metavar="MB",
        help="largest file that is accepted (default: %(default)g)",
    )  # fmt: skip
    group.add_argument(
        "--max-hours", type=float, default=4.0, metavar="HOURS",
        help="longest song that is accepted (default: %(default)g)",
    )  # fmt: skip
    group.add_argument(
        "--max-songs", type=int, default=1000, metavar="N",
        help="most songs in the list, finished or not (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--min-free", type=float, default=1000.0, metavar="MB",
        help="disk space that uploads and downloads must leave free (default: %(default)g)",
    )  # fmt: skip


def _add_separation(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--system", metavar="SYSTEM",
        help=f"system selected at first: {', '.join(system_names())}, or the path of a .yaml file "
        f"(default: $MDX_SYSTEM, or {DEFAULT_SYSTEM})",
    )  # fmt: skip
    group.add_argument(
        "--precision", choices=PRECISIONS,
        help="precision selected at first; bf16 is for CPUs that support it, auto is the fastest "
        "(default: $MDX_PRECISION, or float32)",
    )  # fmt: skip
    group.add_argument(
        "--limit", metavar="LIMIT",
        help="time limit for each song: SECONDS, ratio:N for N times its duration, or none "
        "(default: as for mdx separate)",
    )  # fmt: skip
    add_runtime_arguments(group)


def serve(args: argparse.Namespace) -> int:
    """Serve the page until a signal arrives; returns the exit code."""
    try:
        from mdx.serve.guard import is_loopback
        from mdx.serve.run import run
        from mdx.serve.settings import Settings, default_folder
    except ModuleNotFoundError as error:
        raise ConfigError(
            "mdx serve", got=f"no {error.name} here", expected="what the page needs",
            hint=f"in a clone of the repository: {quote(sys.executable)} -m pip install '.[serve]'",
        ) from error  # fmt: skip
    for name in ("keep", "max_upload", "max_hours", "max_songs"):
        if not 0 < getattr(args, name) < 1e9:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(flag, got=getattr(args, name), expected="more than 0")
    if not 0 <= args.min_free <= 1e12:
        raise ConfigError("--min-free", got=args.min_free, expected="0 to 1e12 MB")
    if not 0 <= args.port < 1 << 16:
        raise ConfigError("--port", got=args.port, expected="0 to 65535")
    apply_environment(args)
    loopback = is_loopback(args.host)
    threads = args.threads
    settings = Settings(
        folder=(args.folder or default_folder()).absolute(), system=args.system,
        precision=args.precision, limit=args.limit, keep_hours=args.keep,
        threads=threads_of_environment() if threads is None else check_threads(threads),
        runtime=args.runtime, provider=args.provider, most_upload=int(1e6 * args.max_upload),
        most_hours=args.max_hours, most_songs=args.max_songs, reserve=int(1e6 * args.min_free),
        token=_token(args.token, loopback=loopback),
    )  # fmt: skip
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    if not loopback:
        logging.getLogger("mdx.serve").warning(PUBLIC)
    try:
        run(settings, args.host, args.port, open_browser=args.open)
    except Stopped as stop:
        say(f"mdx serve: stopped; a restart continues with the songs in {settings.folder}")
        return stop.exit_code
    return 0


def _token(given: str | None, *, loopback: bool) -> str | None:
    if given is None:
        return None if loopback else secrets.token_urlsafe(24)
    if len(given) < SHORTEST_TOKEN or not given.isascii() or not given.isprintable():
        raise ConfigError(
            "--token", got=f"{len(given)} characters",
            expected=f"{SHORTEST_TOKEN} letters and digits or more",
        )  # fmt: skip
    return given
