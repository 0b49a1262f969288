"""The comparison in Markdown: the cost of each run, and the limits that it keeps."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.balance.contenders import Run, published_sdr
from benchmarks.balance.measure import SONGS, Figures, projected_seconds, title_of
from evaluator.tables import markdown_table
from mdx.limit.challenge import ROUND_1, ROUND_2

HEADER = [
    "system", "way", "parameters, M", "GMAC a second", "seconds a second", "MB",
    *(f"{limit} of {song}" for song in ("4:00", "7:10") for limit in ("240 s", "1.57 x")),
    "published SDR",
]  # fmt: skip


def shares(known: Mapping[str, Any], measured: float, duration: float) -> tuple[float, float]:
    """The shares of the challenge's two limits that a song of this duration takes."""
    taken = projected_seconds(known, measured, duration)
    first, second = ROUND_1.seconds(duration), ROUND_2.seconds(duration)
    assert first is not None and second is not None
    return taken / first, taken / second


def balance_table(figures: Figures, runs: list[Run]) -> str:
    """A row for every measured run, in their order."""
    measured = figures.values["machine"]["seconds"]
    lines = []
    for run in runs:
        known = figures.of(run)
        if not known["runs"]:
            continue
        longest = max(SONGS.values())
        sdr = published_sdr(run.system) if is_published(run) else None
        parts = [share for song in SONGS.values() for share in shares(known, measured, song)]
        lines.append([
            title_of(run), run.way, f"{known['parameters'] / 1e6:.2f}",
            f"{known['macs'][str(longest)] / longest / 1e9:.1f}",
            f"{projected_seconds(known, measured, longest) / longest:.2f}",
            f"{median(one['peak_memory'] for one in known['runs']) / 1e6:.0f}",
            *(_share(part) for part in parts), "-" if sdr is None else f"{sdr:.2f}",
        ])  # fmt: skip
    return markdown_table(HEADER, lines)


def is_published(run: Run) -> bool:
    """Whether the published SDR applies to this run, with its way and its precision."""
    return run.way == "published" and run.precision == "float32"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" + (" LATE" if part > 1 else "")


def balance_section(figures: Figures, runs: list[Run]) -> str:
    """The table with an introduction."""
    machine = figures.values["machine"]
    times = max((len(figures.of(run)["runs"]) for run in runs), default=0)
    words = (
        f"{machine['cpu']}, {machine['cpus']} CPUs; random weights; {machine['seconds']:g} s of "
        f"noise, file to files, loading not counted; medians of up to {times} interleaved runs. "
        "Seconds of longer songs follow from those by the networks' operations. Published SDR: "
        "mean over the four sources of MUSDB18's test set (Open-Unmix: MUSDB18-HQ's), median over "
        "frames and songs, dB. `240 s of 7:10` is the share of a limit of 240 s that a song of "
        "that length takes."
    )
    return f"{words}\n\n{balance_table(figures, runs)}"
