"""The audit of the time limit: songs on slower, smaller and disturbed machines.

Every case runs one song through the submission, as the grader would, and reports the quality that
remained under the limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evaluator.children import Children
from evaluator.disturbances import Disturbance, busy, frozen, slower
from evaluator.jobs import Options
from evaluator.replay import SetupFailed, SongFailed, Submission, separate_song
from evaluator.scores import score_stems
from evaluator.systems import System
from evaluator.tables import markdown_table
from evaluator.test_sets import Song
from mdx.errors import AudioError, ConfigError
from mdx.limit.challenge import ROUND_1, ROUND_2
from mdx.limit.policy import Limit
from mdx.machine import available_cpus

LIMITS = (ROUND_1, ROUND_2)
FREEZE = 0.3  # fraction of the limit
LOAD = 2  # busy processes per CPU
FAULTS = ("freeze", "load", "clock")


@dataclass(frozen=True)
class Case:
    """One machine and one limit."""

    limit: Limit
    cpus: int
    slowdown: float = 1.0
    fault: str = "none"  # or one of FAULTS

    def disturbance(self, duration: float) -> Disturbance | None:
        """The disturbance of the machine for a song of `duration` seconds."""
        if self.fault == "freeze":
            return frozen(FREEZE * (self.limit.seconds(duration) or duration), after=0.5)
        if self.fault == "load":
            return busy(LOAD * self.cpus, after=0.5)
        return slower(self.slowdown) if self.slowdown > 1 else None


def make_cases(
    limits: Sequence[Limit], slowdowns: Sequence[float], cpus: Sequence[int]
) -> list[Case]:
    """Combine all limits, slowdowns and CPU counts; add each fault on the machine at full speed.

    CPU counts are capped at the number of CPUs that are available.
    """
    here = sorted({min(count, available_cpus()) for count in cpus})
    cases = []
    for limit in limits:
        cases += [
            Case(limit, count, slowdown) for count in here for slowdown in sorted({1.0, *slowdowns})
        ]
        cases += [Case(limit, here[-1], fault=fault) for fault in FAULTS]
    return cases


class Audit(NamedTuple):
    """The result of an audit."""

    rows: Sequence[dict[str, Any]] = ()  # of the report, one per run
    interrupted: bool = False  # by Ctrl-C


def run_audit(
    systems: Sequence[System], songs: Sequence[Song], cases: Sequence[Case], out: Path,
    options: Options, children: Children, progress: Callable[[], object],
) -> Audit:  # fmt: skip
    """Run every case for every song and system; Ctrl-C ends the audit early.

    Of the `options`, the subtype and the budget apply.
    """
    rows: list[dict[str, Any]] = []
    try:
        for system in systems:
            for song in songs:
                for case in cases:
                    folder = out / system.name
                    rows.append(_run_case(system, song, case, folder, options, children))
                    progress()
    except KeyboardInterrupt:  # still report the evaluation before it, and the finished cases
        return Audit(rows, interrupted=True)
    return Audit(rows)


def _run_case(
    system: System, song: Song, case: Case, results: Path, options: Options, children: Children
) -> dict[str, Any]:
    submission = Submission(
        system.given, options.subtype, case.limit, threads=case.cpus, precision=system.precision,
        spend_budget=options.spend_budget, cpus=case.cpus,
        disturbance=case.disturbance(song.duration), clock_jumps=case.fault == "clock",
    )  # fmt: skip
    row: dict[str, Any] = {
        "system": system.name, "song": song.name, "limit": str(case.limit), "cpus": case.cpus,
        "slowdown": case.slowdown, "fault": case.fault, "levels": [], "seconds": None,
        "share": None, "margin": None, "sdr": None, "error": None,
    }  # fmt: skip
    try:
        separation = separate_song(submission, song.folder, results, children)
        if song.has_references:
            stems = results / song.name
            row["sdr"] = score_stems(song.folder, stems, stems / "scores.json")["sdr"]["song"]
    except (SetupFailed, SongFailed, AudioError) as error:
        return {**row, "error": str(error)}
    row |= {"levels": separation.levels, "seconds": separation.seconds}
    if separation.limit is not None:
        row["share"] = round(separation.seconds / separation.limit, 4)
        row["margin"] = round(separation.limit - separation.seconds, 3)
    return row


def audit_table(rows: Sequence[dict[str, Any]]) -> str:
    """The audit as a Markdown table; losses are relative to the best case of system and song."""
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        key = row["system"], row["song"]
        if row["sdr"] is not None:
            best[key] = max(best.get(key, float("-inf")), row["sdr"])
    lines = []
    for row in rows:
        lost = "-" if row["sdr"] is None else f"{best[row['system'], row['song']] - row['sdr']:.2f}"
        share, seconds = row["share"], row["seconds"]
        lines.append([
            row["system"], row["song"], row["limit"], f"{row['cpus']}", f"{row['slowdown']:g}",
            row["fault"],
            " > ".join(row["levels"]) or row["error"] or "-",
            "-" if seconds is None else f"{seconds:.1f}",
            "-" if share is None else f"{100 * share:.0f}",
            "-" if row["margin"] is None else f"{row['margin']:.1f}", lost,
        ])  # fmt: skip
    header = ["system", "song", "limit", "CPUs", "times slower", "fault", "quality levels",
              "seconds", "share of limit, %", "margin, s", "SDR lost, dB"]  # fmt: skip
    late = sum(row["error"] is not None for row in rows)
    return f"{markdown_table(header, lines)}\n\n{late} of {len(rows)} runs late or failed"


def parse_numbers(text: str, what: str) -> list[float]:
    """Parse comma-separated numbers, each at least 1; raises ConfigError."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= number < float("inf") for number in numbers):
        raise ConfigError(what, got=f"'{text}'", expected="numbers >= 1, such as 2,4,8")
    return numbers
