"""Estimators by kind, and loading one: a new kind is a class in this table."""

from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from mdx.errors import ConfigError
from mdx.estimators.band_limit import BandLimit
from mdx.estimators.magnitude import Magnitude
from mdx.estimators.protocol import Estimator
from mdx.estimators.spectrogram import Spectrogram
from mdx.estimators.waveform import Waveform
from mdx.runtimes.runtime import Runtime
from mdx.systems.mappings import build
from mdx.systems.spec import EstimatorSpec, SystemSpec, require
from mdx.systems.weights import name_for, weights_file


class FrontEnd(Protocol):
    """The class of an estimator: makes one from a system's options and a loaded network."""

    options: ClassVar[type]  # a frozen dataclass: the keys of a system's YAML
    has_network: ClassVar[bool]
    per_stem: ClassVar[bool]  # whether there may be a network a stem: it gets a tuple of them
    fixed_input: ClassVar[bool]  # whether that takes one size only; else onnxruntime runs it
    heavy: ClassVar[bool]  # so large that memory is worth some time

    def __call__(
        self, spec: EstimatorSpec, options: Any, network: Any, *, workers: int
    ) -> Estimator:
        """Make the estimator; raises NetworkError where the network does not fit.

        `network` is a Network, a tuple of Networks or None, as the class says.
        """
        ...


FRONT_ENDS: dict[str, FrontEnd] = {
    "spectrogram": cast(FrontEnd, Spectrogram),
    "waveform": cast(FrontEnd, Waveform),
    "magnitude": cast(FrontEnd, Magnitude),
    "band_limit": cast(FrontEnd, BandLimit),
}


def front_end_of(spec: EstimatorSpec) -> FrontEnd:
    """The class for an estimator's kind; raises ConfigError for an unknown one."""
    if spec.kind not in FRONT_ENDS:
        known = f"one of {', '.join(FRONT_ENDS)}"
        raise ConfigError(f"{spec.name}: kind", got=f"'{spec.kind}'", expected=known)
    return FRONT_ENDS[spec.kind]


def has_fixed_input(spec: SystemSpec) -> bool:
    """Whether a system has an estimator whose networks take one size only."""
    return any(part.networks and front_end_of(part).fixed_input for part in spec.estimators)


def is_heavy(spec: SystemSpec) -> bool:
    """Whether a system has an estimator so large that memory is worth some time.

    An unknown kind is none here: loading it is the error.
    """
    kinds = {part.kind for part in spec.estimators}
    return any(front_end.heavy for kind, front_end in FRONT_ENDS.items() if kind in kinds)


def load_estimator(
    spec: EstimatorSpec, folder: Path, runtime: Runtime, precision: str
) -> Estimator:
    """Load an estimator, its networks verified by the manifest of `folder`.

    `precision` is that of mdx.systems.weights. Raises ConfigError for unknown kinds and options,
    WeightsError or NetworkError.
    """
    front_end = front_end_of(spec)
    options: Any = build(front_end.options, spec.options, spec.name)
    expected = f"{'the' if front_end.has_network else 'no'} key weights with kind {spec.kind}"
    fine = front_end.has_network == bool(spec.networks)
    require(fine, spec.name, f"weights {spec.weights}", expected)
    alone = front_end.per_stem or not spec.stem_weights
    require(alone, spec.name, "weights for each stem", f"one file with kind {spec.kind}")
    try:
        networks = []
        for weights in spec.networks.values():
            name = name_for(precision, folder, weights)
            with weights_file(folder, name) as path:
                networks.append(
                    runtime.open(path, name, fixed=front_end.fixed_input, precision=precision)
                )
        given = tuple(networks) if front_end.per_stem else next(iter(networks), None)
        return front_end(spec, options, given, workers=runtime.workers)
    except ConfigError as error:
        raise error.within(spec.weights or spec.name) from error
