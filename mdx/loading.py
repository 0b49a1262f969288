"""Loading a system: its quality levels, the estimators and combiners that they need."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mdx.combine.combiners import load_combiner
from mdx.combine.protocol import Combiner
from mdx.combine.rest import Rest
from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.estimators.front_ends import front_end_of, has_fixed_input, load_estimator
from mdx.estimators.protocol import Estimator, with_batch
from mdx.estimators.stem_filter import load_filter
from mdx.limit.ladder import Ladder
from mdx.limit.levels import choose_levels
from mdx.runtimes.runtime import Runtime
from mdx.systems.spec import FILTER, EstimatorSpec, QualityLevel, SystemSpec
from mdx.systems.weights import name_for, require_files

log = logging.getLogger(__name__)
# Segments in one call under a time limit, at most: the limit is kept between calls, which should
# be short.
LIMITED_BATCH = 2


def load_ladder(
    spec: SystemSpec, folder: Path, runtime: Runtime, precision: str, *, where: object,
    limited: bool = False, spend: bool = False, stems: Sequence[str] | None = None,
) -> Ladder:  # fmt: skip
    """Load the quality levels of a system, whose weights are in `folder`.

    Levels are those of mdx.limit.levels; a lower level that cannot be loaded is a warning. A
    ConfigError about the system's description begins with `where`, the name or path of its YAML.
    Estimators are loaded as `stems` need them, by default all. Raises ConfigError, WeightsError or
    NetworkError.
    """
    stems = spec.stems if stems is None else stems
    with _errors_within(where):
        fixed = has_fixed_input(spec)
    if precision == "bf16" and not fixed:
        expected = "float32, int8 or auto: its networks take songs of any length"
        raise ConfigError(spec.name, got="precision bf16", expected=expected)
    levels = choose_levels(
        spec, folder, precision, limited=limited, spend=spend, stems=stems,
        bf16=fixed and runtime.computes_bf16,
    )  # fmt: skip
    top = levels[0]
    _require_weights(spec, folder, top)
    estimators: dict[tuple[str, str], Estimator] = {}
    kept: list[QualityLevel] = []
    for level in levels:
        try:
            for part in spec.estimators:
                key = level.precision, part.name
                if part.name not in (level.estimators or ()) or key in estimators:
                    continue
                if twin := _same_in_float32(part, level.precision, estimators):
                    estimators[key] = twin
                    continue
                with _errors_within(where):
                    found = load_estimator(part, folder, runtime, level.precision)
                estimators[key] = with_batch(found, LIMITED_BATCH) if limited else found
        except (WeightsError, NetworkError) as error:
            if level.precision == top.precision:
                raise
            log.warning("%s; the ladder goes without %s", error, level.label(top))
            continue
        kept.append(level)
    with _errors_within(where):
        combiners = _load_combiners(spec, folder, top)
        last = None
        if spec.filter is not None and set(top.estimators or ()) == set(spec.names):
            last = load_filter(spec.filter, spec.stems, workers=runtime.workers)
    return Ladder(spec.stems, tuple(kept), estimators, combiners, filter=last)


def _require_weights(spec: SystemSpec, folder: Path, level: QualityLevel) -> None:
    running = (part for part in spec.estimators if part.name in (level.estimators or ()))
    names = (name for part in running for name in part.networks.values())
    files = [name_for(level.precision, folder, name) for name in names]
    mixer = [spec.mixer] if spec.mixer is not None and level.mixer else []
    require_files(spec.name, folder, [*files, *mixer])


def _same_in_float32(
    part: EstimatorSpec, precision: str, loaded: Mapping[tuple[str, str], Estimator]
) -> Estimator | None:
    # In bf16, networks that take any length are those of float32: a second copy would be for
    # nothing.
    same = precision == "bf16" and not front_end_of(part).fixed_input
    return loaded.get(("float32", part.name)) if same else None


@contextmanager
def _errors_within(where: object) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise error.within(where) from error


def _load_combiners(spec: SystemSpec, folder: Path, top: QualityLevel) -> tuple[Combiner, ...]:
    # A Mixer that no level uses need not be there.
    unused = spec.mixer is not None and not top.mixer
    left_out = {FILTER, "mixer"} if unused else {FILTER}
    steps = [step for step in spec.combine if step.kind not in left_out]
    combiners = [load_combiner(step, folder, spec.stems) for step in steps]
    # Under a time limit, stems may lack an estimator.
    rest = [] if any(step.kind == Rest.kind for step in steps) else [Rest(spec.stems)]
    return (*combiners, *rest)
