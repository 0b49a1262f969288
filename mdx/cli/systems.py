"""`mdx systems`: the table of systems, and everything about one of them."""

import textwrap

from mdx.systems.find import DEFAULT_SYSTEM, find_system, system_names
from mdx.systems.listing import entry_of
from mdx.systems.manifest import WeightsEntry, read_manifest, weights_path

WIDTH = 100  # of the table and of a system's text, in characters
COLUMNS = ("name", "stems", "here", "MB", "trained on")
LABEL = 13  # width of the labels in a system's text
# Whether a system's weights are here, and if not, how to get them.
HERE, PARTLY, FETCH, BY_HAND, NOWHERE = "yes", "in part", "fetch", "by hand", "none"
DEFAULT = "*"  # behind the name of the default
MEANINGS = (
    f"{DEFAULT} the default",
    f"{FETCH}: mdx fetch NAME downloads the weights; {BY_HAND}: it says where they are; "
    f"{NOWHERE}: none are public",
    "mdx systems NAME: everything about one system, with its licence",
)


def systems_table() -> str:
    """A table of the systems, at most WIDTH characters wide; long training data is shortened."""
    rows = [COLUMNS, *(_row(name) for name in system_names())]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS) - 1)]
    lines = []
    for *cells, last in rows:
        start = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        rest = textwrap.shorten(last, WIDTH - len(start) - 2, placeholder=" ...")
        lines.append(f"{start}  {rest}".rstrip())
    return "\n".join([*lines, "", *MEANINGS])


def system_text(name: str) -> str:
    """Everything known about a system, given by its name or the path of its YAML.

    Raises ConfigError if there is no such system.
    """
    spec, folder = find_system(name)
    entries = read_manifest(folder)
    lines = [
        ("name", spec.name),
        ("what it is", spec.description),
        ("stems", ", ".join(spec.stems)),
        ("trained on", "; ".join(spec.training_data) or "nothing yet"),
        ("leaderboard", spec.leaderboard),
        ("licence", spec.licence or ("MIT" if name in system_names() else "not stated")),
    ]
    for file in spec.files:
        entry = entry_of(entries, file)
        there = "here" if weights_path(folder, file).is_file() else "not here"
        size = f", {entry.bytes / 1e6:.1f} MB" if entry and entry.bytes else ""
        origin = f", {entry.made_by}" if entry and entry.made_by else ""
        lines.append(("weights", f"{file}: {there}{size}{origin}"))
    return "\n".join(
        textwrap.fill(
            text, WIDTH, initial_indent=title.ljust(LABEL), subsequent_indent=" " * LABEL,
            break_long_words=False, break_on_hyphens=False,
        )
        for title, text in lines
    )  # fmt: skip


def _row(name: str) -> tuple[str, ...]:
    spec, folder = find_system(name)
    entries = read_manifest(folder)
    found = [entry_of(entries, file) for file in spec.files]
    known = [entry.bytes for entry in found if entry is not None and entry.bytes is not None]
    more = "" if len(known) == len(found) else "+"  # some sizes are unknown
    size = f"{sum(known) / 1e6:.3g}{more}" if known else ""
    there = [weights_path(folder, file).is_file() for file in spec.files]
    data = "; ".join(spec.training_data)
    label = f"{name} {DEFAULT}" if name == DEFAULT_SYSTEM else name
    return label, ", ".join(spec.stems), _whereabouts(found, there), size, data


def _whereabouts(found: list[WeightsEntry | None], there: list[bool]) -> str:
    if any(there):
        return HERE if all(there) else PARTLY
    entries = [entry for entry in found if entry is not None]
    if len(entries) < len(found):
        return NOWHERE
    return FETCH if all(entry.is_known for entry in entries) else BY_HAND
