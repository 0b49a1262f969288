"""Combiners by kind, and loading one: a new kind is an entry in this table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mdx.combine.blend import Blend
from mdx.combine.mixer import MixerStep, read_mixer
from mdx.combine.protocol import Combiner
from mdx.combine.rest import Rest
from mdx.combine.sum import Sum
from mdx.errors import ConfigError
from mdx.systems.spec import FILTER, SOURCES, CombinerSpec, require
from mdx.systems.weights import read_weights

Open = Callable[[CombinerSpec, Path, Sequence[str]], Combiner]


def _open_mixer(spec: CombinerSpec, folder: Path, stems: Sequence[str]) -> Combiner:
    _check_options(spec, ())
    fine = set(stems) == set(SOURCES)
    require(fine, "mixer", f"the stems {', '.join(stems)}", f"a system of {', '.join(SOURCES)}")
    if spec.weights is None:
        raise ConfigError("mixer", got="no weights", expected="the key weights")
    return MixerStep(read_mixer(read_weights(folder, spec.weights), spec.weights))


def _open_blend(spec: CombinerSpec, folder: Path, stems: Sequence[str]) -> Combiner:
    del folder
    _check_options(spec, ("shares",))
    shares = spec.options.get("shares")
    fine = isinstance(shares, dict) and set(shares) == set(stems)
    require(fine, "blend: shares", repr(shares), f"a share for each of {', '.join(stems)}")
    assert isinstance(shares, dict)
    return Blend(spec.estimator, shares)


def _open_rest(spec: CombinerSpec, folder: Path, stems: Sequence[str]) -> Combiner:
    del folder
    _check_options(spec, ())
    return Rest(stems, spec.estimator)


def _open_sum(spec: CombinerSpec, folder: Path, stems: Sequence[str]) -> Combiner:
    del folder, stems
    _check_options(spec, ())
    return Sum(spec.estimator)


# Steps that take any block of samples; the filter takes segments: see mdx.estimators.stem_filter.
COMBINERS: Mapping[str, Open] = {
    "mixer": _open_mixer, "blend": _open_blend, "sum": _open_sum, "rest": _open_rest,
}  # fmt: skip


def load_combiner(spec: CombinerSpec, folder: Path, stems: Sequence[str]) -> Combiner:
    """Load one step of a system that makes these stems, its weights verified.

    Raises ConfigError for unknown kinds and options, WeightsError.
    """
    if spec.kind not in COMBINERS:
        known = f"one of {', '.join((*COMBINERS, FILTER))}"
        raise ConfigError("combine: kind", got=f"'{spec.kind}'", expected=known)
    return COMBINERS[spec.kind](spec, folder, stems)


def _check_options(spec: CombinerSpec, known: Sequence[str]) -> None:
    unknown = [key for key in spec.options if key not in known]
    expected = f"the keys {', '.join(('kind', 'weights', 'estimator', *known))}"
    require(not unknown, spec.kind, f"the unknown key {unknown[:1]}", expected)
