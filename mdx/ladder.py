"""The rungs of a loaded system, best first, with the networks that each of them needs."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mdx.engine import Engine
from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.mixer import Mixer, read_mixer
from mdx.pipeline import Member, Pipeline
from mdx.spec import LAST_RESORT, SOURCES, Rung, SeparatorSpec, StftSpec, SystemSpec
from mdx.stft import Stft
from mdx.watch import Watch
from mdx.weights import name_for, read_weights

log = logging.getLogger(__name__)
ENOUGH = 0.1  # seconds by which the cost of a chunk is measured, or one chunk where that is more

Members = Mapping[str, Member]  # by source


class Ladder:
    """What a song can be separated with: usually one rung, several for a time limit."""

    def __init__(
        self, rungs: Sequence[Rung], members: Mapping[str, Members], mixer: Mixer | None = None
    ) -> None:
        """`members` are by precision and source, as the rungs need them."""
        self.rungs = tuple(rungs)
        self._members = members
        self._mixer = mixer

    def members(self, rung: Rung) -> Members:
        """The networks of a rung, by source."""
        if not rung.sources:
            return {}
        return {source: self._members[rung.precision][source] for source in rung.sources}

    def open(self, rung: Rung, watch: Watch) -> Pipeline:
        """A song's way through a rung."""
        whole = rung.mixer and len(rung.sources) == len(SOURCES)
        return Pipeline(
            self.members(rung), self._mixer if whole else None, watch,
            both_polarities=rung.both_polarities,
        )  # fmt: skip

    def count_chunks(self, rung: Rung, samples: int) -> int:
        """Chunks of all networks of a rung for so many samples."""
        members = self.members(rung).values()
        return sum(-(-samples // member.stft.spec.step) for member in members)

    def steps(self) -> dict[str, int]:
        """Samples that a chunk of each source yields, whatever the precision."""
        members = self.members(self.rungs[0])
        return {source: member.stft.spec.step for source, member in members.items()}

    def measure(self) -> dict[tuple[str, str], float]:
        """Seconds that a chunk takes on this machine, by precision and source."""
        costs = {}
        for precision, members in self._members.items():
            for source, (network, stft) in members.items():
                rng = np.random.default_rng(0)
                chunk = rng.uniform(-0.1, 0.1, (2, stft.spec.chunk)).astype(np.float32)
                fastest, started = float("inf"), time.monotonic()
                while fastest == float("inf") or time.monotonic() - started < ENOUGH:
                    before = time.monotonic()
                    stft.inverse(network(stft.forward(chunk)))
                    fastest = min(fastest, time.monotonic() - before)
                costs[precision, source] = fastest
        return costs


def load_ladder(
    spec: SystemSpec, folder: Path, engine: Engine, precision: str, *, limited: bool, spend: bool,
    sources: Sequence[str] = SOURCES,
) -> Ladder:  # fmt: skip
    """Load a system's networks and its Mixer.

    The first rung has the `precision` asked for. With `limited`, those of the system's ladder come
    below it, as far as their networks are there, and then the last resort; with `spend`, one that
    takes twice the time comes on top. Networks are for `sources` alone. Raises ConfigError,
    WeightsError or NetworkError.
    """
    if precision == "auto":
        precision = _resolve(spec, folder, sources)
    top = _only(Rung(precision), sources)
    rungs = [top]
    if limited:
        lower = dict.fromkeys(_only(rung, sources) for rung in spec.ladder)
        rungs += [rung for rung in lower if _is_below(rung, top, spec, folder)]
        rungs.append(LAST_RESORT)
    if spend:
        rungs.insert(0, replace(top, both_polarities=True))
    members: dict[str, Members] = {}
    for kind in dict.fromkeys((precision, *(rung.precision for rung in rungs if rung.sources))):
        needed = {source for rung in rungs if rung.precision == kind for source in rung.sources}
        try:
            members[kind] = {
                source: load_member(spec.separators[source], folder, engine, kind)
                for source in SOURCES
                if source in needed
            }
        except (WeightsError, NetworkError) as error:
            if kind == precision:
                raise
            log.warning("%s; the ladder goes without %s", error, kind)
            rungs = [rung for rung in rungs if rung.precision != kind or not rung.sources]
    mixer = None
    if spec.mixer is not None and top.mixer:
        mixer = read_mixer(read_weights(folder, spec.mixer), spec.mixer)
    return Ladder(rungs, members, mixer)


def load_member(spec: SeparatorSpec, folder: Path, engine: Engine, precision: str) -> Member:
    """Load one separator; its graph says how many bins and frames it takes.

    Raises NetworkError where the system says otherwise, ConfigError where it cannot be.
    """
    name = name_for(precision, folder, spec.weights)
    network = engine.open(read_weights(folder, name), name)
    for key, got in (("dim_f", network.dim_f), ("dim_t", network.dim_t)):
        expected = getattr(spec, key)
        if expected not in (None, got):
            raise NetworkError(
                name,
                got=f"{key} {got} in the graph",
                expected=f"{key} {expected} as in the system's YAML",
                hint="correct the YAML or name another file",
            )
    try:
        size = StftSpec(spec.n_fft, spec.hop, network.dim_f, network.dim_t)
    except ConfigError as error:
        raise error.within(name) from error
    return Member(network, Stft(size, workers=engine.workers))


def _resolve(spec: SystemSpec, folder: Path, sources: Sequence[str]) -> str:
    # What auto comes to, unless some sources have an int8 network and others do not.
    names = [spec.separators[source].weights for source in sources]
    quantised = [name_for("auto", folder, name) != name for name in names]
    if all(quantised):
        return "int8"
    return "auto" if any(quantised) else "float32"


def _only(rung: Rung, sources: Sequence[str]) -> Rung:
    # The Mixer takes all four stems, and gives each of them something of the others.
    kept = tuple(source for source in rung.sources if source in sources)
    return replace(rung, sources=kept, mixer=rung.mixer and kept == SOURCES)


def _is_below(rung: Rung, top: Rung, spec: SystemSpec, folder: Path) -> bool:
    if rung == top or not rung.sources:  # the last resort is added for every system
        return False
    if rung.precision == "float32":
        return top.precision != "int8"
    return all(
        name_for("auto", folder, spec.separators[source].weights) != spec.separators[source].weights
        for source in rung.sources
    )
