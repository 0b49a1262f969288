"""Which quality levels of a system a song may be separated with, best first."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mdx.systems.manifest import int8_name, read_manifest, weights_path
from mdx.systems.spec import LAST_RESORT, QualityLevel, SystemSpec, require
from mdx.systems.weights import name_for, require_files

log = logging.getLogger(__name__)
SLOWEST_FIRST = ("float32", "bf16", "int8")


def choose_levels(
    spec: SystemSpec, folder: Path, precision: str, *, limited: bool, spend: bool,
    stems: Sequence[str], bf16: bool = False,
) -> list[QualityLevel]:  # fmt: skip
    """The levels to load, each of which names the estimators that `stems` need.

    The first has the given `precision`; "auto" is resolved: int8 if the system has it, otherwise
    bf16 if the machine has it. With `limited` those of the system's ladder follow, as far as they
    can run here, and then the last resort; with `spend`, one that takes twice the time comes on
    top. Raises ConfigError for another precision, WeightsError if the system does not have it.
    """
    top = QualityLevel(precision, both_polarities=spec.both_polarities)
    top = _resolve(_only(top, spec, stems), spec, folder, bf16=bf16)
    levels = [top]
    if limited:
        lower = dict.fromkeys(_only(level, spec, stems) for level in spec.ladder)
        levels += [level for level in lower if _is_below(level, top, spec, folder, bf16=bf16)]
        levels.append(LAST_RESORT)
    if spend and not top.both_polarities:
        levels.insert(0, replace(top, both_polarities=True))
    return levels


def is_complete(level: QualityLevel, spec: SystemSpec) -> bool:
    """Whether all estimators run, except those whose stems are set aside."""
    return set(spec.names) - spec.set_aside <= set(level.estimators or ())


def _only(level: QualityLevel, spec: SystemSpec, stems: Sequence[str]) -> QualityLevel:
    # In the system's order. A stem that no estimator makes is the rest, which needs all of them.
    running = spec.names if level.estimators is None else level.estimators
    parts = [part for part in spec.estimators if part.name in running]
    made = {stem for part in spec.estimators for stem in part.makes}
    if set(stems) <= made:
        parts = [part for part in parts if set(part.makes) & set(stems)]
    level = replace(level, estimators=tuple(part.name for part in parts))
    mixer = level.mixer and spec.mixer is not None and is_complete(level, spec)
    return replace(level, mixer=mixer)


def _resolve(
    level: QualityLevel, spec: SystemSpec, folder: Path, *, bf16: bool
) -> QualityLevel:  # fmt: skip
    # "auto" stays if only some of the networks have an int8 version.
    names = _weights(level, spec)
    if level.precision == "int8":  # made from the float32 networks, which come first
        known = read_manifest(folder)
        require_files(spec.name, folder, [it for it in names if int8_name(it) not in known])
    quantised = [name_for(level.precision, folder, name) == int8_name(name) for name in names]
    if level.precision == "auto" and any(quantised):
        files = [weights_path(folder, int8_name(name)) for name in names]
        if not any(file.is_file() for file in files):
            log.warning("no int8 network of %s is here; auto goes without them", spec.name)
            quantised = [False] * len(names)
    if level.precision != "auto" or (any(quantised) and not all(quantised)):
        return level
    plain = "bf16" if bf16 else "float32"
    return replace(level, precision="int8" if names and all(quantised) else plain)


def _is_below(
    level: QualityLevel, top: QualityLevel, spec: SystemSpec, folder: Path, *, bf16: bool
) -> bool:
    if level == top or not level.estimators:  # the last resort is added for every system
        return False
    allowed = f"one of {', '.join(SLOWEST_FIRST)}"
    require(level.precision in SLOWEST_FIRST, "ladder: precision", repr(level.precision), allowed)
    names = _weights(level, spec)
    quantised = all(name_for("auto", folder, name) == int8_name(name) for name in names)
    if level.precision == "int8":
        return quantised
    # Where there is int8, which is faster and hardly worse, bf16 is not worth loading.
    here = level.precision == "float32" or (bf16 and not quantised)
    asked = top.precision if top.precision in SLOWEST_FIRST else "float32"
    return here and SLOWEST_FIRST.index(level.precision) >= SLOWEST_FIRST.index(asked)


def _weights(level: QualityLevel, spec: SystemSpec) -> list[str]:
    # Names of the float32 networks that a level needs, or whose int8 versions it needs.
    parts = [part for part in spec.estimators if part.name in (level.estimators or ())]
    return [name for part in parts for name in part.networks.values()]
