"""A report as Markdown tables, for the terminal and the README."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluator.paper import NOT_COMPARABLE, OUTSIDE, REPRODUCED
from evaluator.score_files import METRICS as MUSEVAL_METRICS
from evaluator.score_files import Medians
from evaluator.scores import COLUMNS
from evaluator.sections import replace_section
from mdx.limit.policy import parse_limit
from mdx.systems.spec import SOURCES

HEADER = [f"SDR_{column}" for column in COLUMNS]
README_SECTION = "results"
ACCOMPANIMENT = "accompaniment"  # museval's and SiSEC's name for everything but the vocals
TITLES = {
    "sdr": "Global SDR in dB (the challenge's metric), mean over songs",
    "sdr_median_of_frames": "BSS Eval v4 SDR in dB (the paper's metric), median over frames, "
    "then over songs",
}


def song_table(report: Mapping[str, Any], system: str) -> str:
    """One system's songs: SDR by source, seconds, and share of the song's limit."""
    (entry,) = (entry for entry in report["systems"] if entry["system"] == system)
    timing = {row["song"]: row for row in _timing(report, system)["songs"]}
    rows = []
    for row in entry["songs"]:
        values = row["sdr"] or dict.fromkeys(COLUMNS)
        timed = timing.get(row["song"])
        time, share = "-", "-"
        if timed:
            time = f"{timed['median']:.1f}"
            if timed["limit"]:
                share = f"{100 * max(timed['seconds']) / timed['limit']:.0f} %"
        state = "" if row["state"] == "scored" else f" ({row['state']})"
        rows.append([row["song"] + state, *decibels(values), time, share])
    return markdown_table(["song", *HEADER, "seconds", "of limit"], rows)


def limit_words(limit: str | None) -> str:
    """The limit of an entry's songs in words; None is for stems made elsewhere."""
    words = {"fixed": "{:g} s", "ratio": "{:g} x the song's duration", "none": "none"}
    if limit is None:
        return "not timed"
    policy = parse_limit(limit)
    return "limit: " + words[policy.kind].format(policy.value)


def board_table(table: Mapping[str, Any]) -> str:
    """One table of a report, in the leaderboard's columns."""
    rows = [[label(row), *decibels(row["values"])] for row in table["rows"]]
    return markdown_table(["system", *HEADER], rows)


def label(row: Mapping[str, Any]) -> str:
    """The name of a table's row, with its marks in brackets."""
    return f"{row['name']} ({', '.join(row['marks'])})" if row["marks"] else str(row["name"])


def paper_tables(check: Mapping[str, Any]) -> str:
    """The published rows, table by table: published -> found, and the verdict."""
    tables: dict[str, list[list[str]]] = {}
    for row in check["rows"]:
        found = row["found"] or dict.fromkeys(SOURCES)
        cells = [f"{_decibel(row['published'][s])} -> {_decibel(found[s])}" for s in SOURCES]
        verdict = f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]
        title = f"{row['table']}, {row['test_set']}"
        tables.setdefault(title, []).append([row["row"], *cells, verdict])
    header = ["row", *SOURCES, "verdict"]
    return "\n\n".join(
        f"{title}:\n{markdown_table(header, rows, words=(-1,))}" for title, rows in tables.items()
    )


def verdict_line(check: Mapping[str, Any]) -> str:
    """The number of the paper's rows with each verdict."""
    found = Counter(row["status"] for row in check["rows"])
    verdicts = (f"{found[status]} {status}" for status in (REPRODUCED, OUTSIDE, NOT_COMPARABLE))
    return f"{len(check['rows'])} rows: {', '.join(verdicts)}"


def relation_lines(check: Mapping[str, Any]) -> list[str]:
    """The relations that the paper found, one per line."""
    lines = [
        f"{relation['relation']}: {'holds' if relation['holds'] else 'does NOT hold'} "
        f"({relation['better']} - {relation['base']}: {relation['difference']:+.2f} dB, "
        f"{relation['metric']})"
        for relation in check["relations"]
    ]
    return lines or [
        "with Mixer or Demucs-v2 >= without: not in this run, which has no such pair of systems"
    ]


def stage_table(report: Mapping[str, Any], system: str) -> str:
    """Seconds by song and stage, and the peak memory of each song.

    Stages are those of the last run, `all` the median of the runs, `spread` from the fastest to the
    slowest.
    """
    songs = _timing(report, system)["songs"]
    stages = list(dict.fromkeys(stage for song in songs for stage in song["stages"]))
    rows = []
    for song in songs:
        memory = f"{song['peak_memory'] / 1e6:.0f}" if song["peak_memory"] else "-"
        shares = (song["share_of_round_1_limit"], song["share_of_round_2_limit"])
        rows.append([
            song["song"], *(f"{song['stages'].get(stage, 0):.2f}" for stage in stages),
            f"{song['median']:.2f}", f"{song['spread']:.2f}",
            *(f"{100 * share:.1f} %" for share in shares), memory,
        ])  # fmt: skip
    header = ["song", *stages, "all", "spread", *(f"of {limit}" for limit in _limits(report)), "MB"]
    return markdown_table(header, rows)


def _projected(report: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    projection = timing["projection"]
    if projection is None:
        told = f"{timing['failed']} song{'s' * (timing['failed'] > 1)} failed"
        return f"no projection for MUSDB18's longest test song (7:10): {told}"
    first, second = _limits(report)
    verdicts = [
        f"{100 * projection[key]:.0f} % of {limit}: {'fits' if projection[key] <= 1 else 'LATE'}"
        for key, limit in (
            ("share_of_round_1_limit", first),
            ("share_of_round_2_limit", f"{second} {projection['duration']:.0f} s"),
        )
    ]
    seconds = f"{projection['seconds']:.0f}"
    return f"MUSDB18's longest test song (7:10) would take {seconds} s: {'; '.join(verdicts)}"


def timing_lines(report: Mapping[str, Any], system: str) -> list[str]:
    """Machine and runtime, the song closest to round 2's limit, and MUSDB18's longest song."""
    timing = _timing(report, system)
    if not timing["songs"]:
        return ["no song was timed"]
    song = timing["songs"][0]
    machine = song["machine"] or report["timing"]["machine"]  # another one, or this one
    (worst,) = (row for row in timing["songs"] if row["song"] == timing["worst"])
    second = _limits(report)[1]
    return [
        f"{machine['cpu']}, {song['threads'] or '?'} of {machine['cpus']} CPUs a song, "
        f"{song['runtime'] or 'runtime unknown'}, {song['precision'] or 'precision unknown'}",
        f"closest to {second} its duration: {worst['song']}, "
        f"{100 * worst['share_of_round_2_limit']:.1f} %",
        _projected(report, timing),
        *(
            f"degraded by its limit: {song['song']}, {' > '.join(song['levels'])}"
            for song in timing["songs"]
            if song["degraded"]
        ),
    ]


def median_table(medians: Medians) -> str:
    """The medians of score files, and their mean over stems."""
    rows = [
        [target, *(_decibel(medians[target][metric]) for metric in MUSEVAL_METRICS)]
        for target in medians
    ]
    # The accompaniment is the sum of other stems: the mean would count them twice.
    counted = [row for target, row in medians.items() if target != ACCOMPANIMENT]
    means = []
    for metric in MUSEVAL_METRICS:
        known = [value for row in counted if (value := row[metric]) is not None]
        means.append(
            _decibel(sum(known) / len(known) if known and len(known) == len(counted) else None)
        )
    return markdown_table(["target", *MUSEVAL_METRICS], [*rows, ["mean", *means]])


def update_readme(report: Mapping[str, Any], readme: Path) -> None:
    """Put the report's results into the README; raises what `replace_section` does."""
    parts = [f"Test set: {report['test_set']['description']}."]
    for table in report["tables"]:
        if table["comparable"]:
            parts += [f"{TITLES[table['metric']]}:", board_table(table)]
    replace_section(readme, README_SECTION, "\n\n".join(parts))


def decibels(values: Mapping[str, float | None]) -> list[str]:
    """The leaderboard's columns with two decimals, and a dash for a missing number."""
    return [_decibel(values[column]) for column in COLUMNS]


def markdown_table(header: list[str], rows: list[list[str]], *, words: Sequence[int] = ()) -> str:
    """A Markdown table that is readable as text: words are left-aligned, numbers right-aligned.

    The first column has words; `words` are the indices of other columns that have.
    """
    left = {0, *(place % len(header) for place in words)}
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    rule = ["-" * (n if i in left else n - 1) + ("" if i in left else ":")
            for i, n in enumerate(widths)]  # fmt: skip
    lines = []
    for cells in (header, rule, *rows):
        padded = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


def _timing(report: Mapping[str, Any], system: str) -> Any:
    (timing,) = (row for row in report["timing"]["systems"] if row["system"] == system)
    return timing


def _limits(report: Mapping[str, Any]) -> tuple[str, str]:
    # The challenge's two limits, in words.
    limits = report["timing"]["limits"]
    return f"{limits['round_1_seconds']:g} s", f"{limits['round_2_ratio']:g} x"


def _decibel(value: float | None) -> str:
    return "-" if value is None else f"{value:z.2f}"  # no -0.00


def machine_table(report: Mapping[str, Any]) -> str:
    """The songs of each machine and worker, and the seconds of all their runs."""
    found: dict[tuple[str, str, str], list[float]] = {}  # by song
    for system in report["timing"]["systems"]:
        for song in system["songs"]:
            there = song["machine"] or {"host": "this machine", "worker": "-", "cpu": "-"}
            key = there["host"], there["worker"], there["cpu"]
            found.setdefault(key, []).append(sum(song["seconds"]))
    rows = [[*key, str(len(seconds)), f"{sum(seconds):.1f}"] for key, seconds in found.items()]
    return markdown_table(
        ["machine", "worker", "CPU", "songs", "seconds"], sorted(rows), words=(1, 2)
    )
