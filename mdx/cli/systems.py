"""`mdx systems`: what there is to separate with."""

from collections.abc import Mapping

from mdx.systems.find import find_system, system_names
from mdx.systems.manifest import WeightsEntry, checkpoint_of, read_manifest, weights_path

COLUMNS = ("name", "stems", "size", "here", "trained on", "licence")


def systems_table() -> str:
    """A table of the systems: their stems, size, whether the weights are here, data, licence."""
    rows = [COLUMNS, *(_row(name) for name in system_names())]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
             for row in rows)  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def _row(name: str) -> tuple[str, ...]:
    spec, folder = find_system(name)
    entries = read_manifest(folder)
    files = spec.files
    found = [_entry(entries, file) for file in files]
    known = [entry.bytes for entry in found if entry is not None and entry.bytes is not None]
    size = f"{sum(known) / 1e6:.1f} MB" + ("" if len(known) == len(files) else " and more")
    size = size if known else "unknown"
    there = [weights_path(folder, file).is_file() for file in files]
    remedy = f"mdx fetch {name}" if all(found) else "none to fetch"
    here = "yes" if all(there) else "in part" if any(there) else f"no: {remedy}"
    stems = ", ".join(spec.stems)
    return name, stems, size, here, "; ".join(spec.training_data), spec.licence or "MIT"


def _entry(entries: Mapping[str, WeightsEntry], file: str) -> WeightsEntry | None:
    return entries.get(file) or entries.get(checkpoint_of(entries, file) or "")
