"""`mdx systems`: the table of systems, and everything about one of them."""

import textwrap

from mdx.systems.find import DEFAULT_SYSTEM
from mdx.systems.listing import Listing, list_system, list_systems

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
    "no MB, or a +: the size of some was not published",
    "mdx systems NAME: everything about one system, with its licence",
)


def systems_table() -> str:
    """A table of the systems, at most WIDTH characters wide; long training data is shortened."""
    rows = [COLUMNS, *map(_row, list_systems())]
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
    listing = list_system(name)
    spec = listing.spec
    lines = [
        ("name", spec.name),
        ("what it is", spec.description),
        ("stems", ", ".join(spec.stems)),
        ("trained on", "; ".join(spec.training_data) or "nothing yet"),
        ("leaderboard", spec.leaderboard),
        ("licence", listing.licence),
    ]
    for file, entry, is_here in zip(spec.files, listing.entries, listing.present, strict=True):
        there = "here" if is_here else "not here"
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


def _row(listing: Listing) -> tuple[str, ...]:
    name, stems = listing.spec.name, listing.spec.stems
    known = [entry.bytes for entry in listing.entries if entry and entry.bytes is not None]
    more = "" if len(known) == len(listing.entries) else "+"  # some sizes are unknown
    size = f"{sum(known) / 1e6:.3g}{more}" if known else ""
    data = "; ".join(listing.spec.training_data)
    label = f"{name} {DEFAULT}" if name == DEFAULT_SYSTEM else name
    return label, ", ".join(stems), _whereabouts(listing), size, data


def _whereabouts(listing: Listing) -> str:
    if any(listing.present):
        return HERE if listing.here else PARTLY
    if None in listing.entries:
        return NOWHERE
    return FETCH if listing.fetchable else BY_HAND
