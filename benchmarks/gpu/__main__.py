"""`python -m benchmarks.gpu`: what a GPU makes of the paper's networks, the blend and a training.

onnxruntime's CUDA provider with the paper's network, and with whole systems on a song of 240 s; its
stems against the CPU's; whether the packages can be installed; steps of training a second; all as a
share of the device's peak where that is known. Every part has a share of the time, and one that
fails is a line of the table. What was measured stays in the JSON file, and is not measured again.
"""

import argparse
import json
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from textwrap import shorten
from typing import Any

from benchmarks.gpu.devices import Device, find_device, library_folders
from evaluator.children import Children, Killed, Limits
from evaluator.json_files import write_json
from evaluator.tables import markdown_table
from mdx.errors import ConfigError, MdxError

# The parts of benchmarks.gpu.parts, which imports torch, with the share of the time that each has.
# What one leaves is for those after it.
PARTS = {
    "matrix product in torch": 0.07,
    "training, gpu": 0.10,
    "training, paper": 0.10,
    "network in torch": 0.07,
    "weights": 0.20,
    "network in onnxruntime": 0.07,
    "song, networks": 0.09,
    "song, blend": 0.12,
    "stems against the CPU's": 0.10,
    "package": 0.08,
}
WIDTH = 100  # of a reason in the table; the JSON file has all of it
Figures = dict[str, Any]


def measure(part: str, device: Device, folder: Path, seconds: float) -> Figures:
    """One part in a process of its own, which is ended after so many seconds.

    Where it fails, the figures are `failed`, with the last that it said.
    """
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "figures.json"
        about = json.dumps([device.kind, device.name])
        command = [sys.executable, "-m", "benchmarks.gpu.parts", part, "--device", about,
                   "--folder", str(folder.resolve()), "--seconds", f"{seconds:.0f}",
                   "--out", str(out)]  # fmt: skip
        started = time.monotonic()
        try:
            code, said = Children().run(command, _environment(), part, Limits(song=seconds))
        except Killed as error:
            late = time.monotonic() - started >= seconds
            return {"failed": f"not done within {seconds:.3g} s" if late else str(error)}
        if code or not out.exists():
            return {"failed": (said.strip().splitlines() or [f"exit code {code}"])[-1]}
        found: Figures = json.loads(out.read_text(encoding="utf-8"))
        return found


def _environment() -> dict[str, str]:
    folders = [*library_folders(), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}


def recall(path: Path, device: Device) -> dict[str, Figures]:
    """What an earlier run measured; raises ConfigError where that was on another device."""
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        there, parts = kept["device"], dict(kept["parts"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(path, got=f"no figures of this benchmark ({error!r})", expected="some",
                          hint="name another --json") from error  # fmt: skip
    if there != device.name:
        raise ConfigError(
            path, got=f"figures of {there}", expected=device.name, hint="name another --json"
        )
    return {part: found for part, found in parts.items() if "failed" not in found}


def table(parts: dict[str, Figures]) -> str:
    """A line for every figure."""
    lines = [
        [f"{part}: {figure}", shorten(value, WIDTH) if isinstance(value, str) else f"{value:.4g}"]
        for part, found in parts.items()
        for figure, value in found.items()
    ]
    return markdown_table(["what", "figure"], lines)


def run(args: argparse.Namespace) -> int:
    """Measure what is missing; returns the exit code, 1 where a part failed."""
    device = find_device(args.device)
    known = recall(args.json, device)
    wanted = [part for part in PARTS if part in (args.parts or PARTS) and part not in known]
    content = {"device": device.name, "about": device.about, "parts": known}
    write_json(args.json, content)  # before minutes are spent on what it could not keep
    until = time.monotonic() + 60 * args.minutes
    for index, part in enumerate(wanted):
        left = max(0.0, until - time.monotonic())
        seconds = left * PARTS[part] / sum(PARTS[later] for later in wanted[index:])
        started = time.monotonic()
        known[part] = measure(part, device, args.folder, seconds)
        taken = time.monotonic() - started
        state = known[part].get("failed", "done")
        print(f"{part}: {state}, {taken:.0f} s of {seconds:.0f}", file=sys.stderr, flush=True)
        write_json(args.json, content)
    print(f"{device.name}, {device.about or 'in miniature'}\n")
    print(table({part: known[part] for part in PARTS if part in known}))
    return 1 if any("failed" in found for found in known.values()) else 0


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=["gpu", "cpu"], default="gpu",
                        help="cpu tries everything in miniature")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=9.0, help="in all (default: 9)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART",
                        help=f"of {', '.join(map(repr, PARTS))} (default: all)")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="of the networks (default: out/gpu/DEVICE)")
    parser.add_argument("--json", type=Path, help="the figures (default: out/gpu/DEVICE.json)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Do it all; returns the exit code."""
    parser = get_parser()
    args = parser.parse_args(arguments)
    if not 0 < args.minutes < math.inf:
        parser.error(f"--minutes: got {args.minutes:g}, expected a number above 0")
    args.folder = args.folder or Path("out/gpu") / args.device
    args.json = args.json or Path("out/gpu") / f"{args.device}.json"
    try:
        return run(args)
    except MdxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    # On SIGTERM, leave as on Ctrl-C: with no part left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
