"""The rungs of a loaded system, best first, with the networks that each of them needs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mdx.combine.mixer import Mixer, read_mixer
from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.estimators.companion import CompanionNetwork, Level, step_of
from mdx.estimators.stft import Stft
from mdx.limit.cost import chunk_cost, segment_cost
from mdx.monitor import Watch
from mdx.pipeline import Companion, Member, Pipeline, Way
from mdx.runtimes.onnx import Network
from mdx.runtimes.runtime import Engine
from mdx.systems.spec import (
    COMPANION,
    LAST_RESORT,
    SOURCES,
    Rung,
    SeparatorSpec,
    StftSpec,
    SystemSpec,
)
from mdx.systems.weights import name_for, read_weights, weights_file

log = logging.getLogger(__name__)
# Segments in one call under a time limit, at most, where a system has more: the limit is kept
# between calls, which should be short.
LIMITED_BATCH = 2

Members = Mapping[str, Member]  # by source


class Ladder:
    """What a song can be separated with: usually one rung, several for a time limit."""

    stems: tuple[str, ...] = SOURCES  # what its ways give out, in this order

    def __init__(
        self,
        rungs: Sequence[Rung],
        members: Mapping[str, Members],
        mixer: Mixer | None = None,
        companions: Mapping[str, Companion] | None = None,
    ) -> None:
        """`members` are by precision and source, as the rungs need them; companions likewise."""
        self.rungs = tuple(rungs)
        self._members = members
        self._mixer = mixer
        self._companions = companions or {}
        self.companion = next((partner.spec for partner in self._companions.values()), None)

    def members(self, rung: Rung) -> Members:
        """The networks of a rung, by source."""
        if not rung.sources:
            return {}
        return {source: self._members[rung.precision][source] for source in rung.sources}

    def networks(self, rung: Rung) -> list[Network | CompanionNetwork]:
        """All networks of a rung."""
        partner = self._partner(rung)
        members: list[Network | CompanionNetwork] = [
            member.network for member in self.members(rung).values()
        ]
        return [*members, partner.network] if partner else members

    def open(self, rung: Rung, watch: Watch, level: Level | None = None) -> Way:
        """A song's way through a rung; its `level` is needed where a companion belongs to it."""
        partner = self._partner(rung)
        assert partner is None or level is not None
        whole = rung.mixer and len(rung.sources) == len(SOURCES)
        return Pipeline(
            self.members(rung), self._mixer if whole else None, watch,
            both_polarities=rung.both_polarities,
            companion=(partner, level) if partner and level else None,
        )  # fmt: skip

    def count_chunks(self, rung: Rung, samples: int) -> int:
        """Chunks of all networks of a rung for so many samples."""
        steps = self.steps()
        return sum(-(-samples // steps[name]) for name in rung.parts if name in steps)

    def steps(self) -> dict[str, int]:
        """Samples that a chunk of each source and of the companion yields, whatever the precision.

        The first rung has all that the others have.
        """
        top = self.rungs[0]
        steps = {source: member.stft.spec.step for source, member in self.members(top).items()}
        partner = self._partner(top)
        return steps | ({COMPANION: step_of(partner.spec)} if partner else {})

    def measure(self) -> dict[tuple[str, str], float]:
        """Seconds that a chunk takes on this machine, by precision and source or companion."""
        costs = {}
        for precision, members in self._members.items():
            for source, member in members.items():
                costs[precision, source] = chunk_cost(member)
        for precision, partner in self._companions.items():
            costs[precision, COMPANION] = segment_cost(partner)
        return costs

    def _partner(self, rung: Rung) -> Companion | None:
        return self._companions.get(rung.precision) if rung.companion else None


def load_ladder(
    spec: SystemSpec, folder: Path, engine: Engine, precision: str, *, limited: bool, spend: bool,
    sources: Sequence[str] = SOURCES,
) -> Ladder:  # fmt: skip
    """Load a system's networks, its Mixer and its companion.

    The first rung has the `precision` asked for. With `limited`, those of the system's ladder come
    below it, as far as their networks are there, and then the last resort; with `spend`, one that
    takes twice the time comes on top. Networks are for `sources` alone. Raises ConfigError,
    WeightsError or NetworkError.
    """
    if precision == "auto":
        precision = _resolve(spec, folder, sources)
    top = _only(Rung(precision), spec, sources)
    rungs = [top]
    if limited:
        lower = dict.fromkeys(_only(rung, spec, sources) for rung in spec.ladder)
        rungs += [rung for rung in lower if _is_below(rung, top, spec, folder)]
        rungs.append(LAST_RESORT)
    if spend:
        rungs.insert(0, replace(top, both_polarities=True))
    members: dict[str, Members] = {}
    companions: dict[str, Companion] = {}

    def load_members(kind: str) -> None:
        needed = {source for rung in rungs if rung.precision == kind for source in rung.sources}
        members[kind] = {
            source: load_member(spec.separators[source], folder, engine, kind)
            for source in SOURCES
            if source in needed
        }

    def load_partner(kind: str) -> None:
        found = load_companion(spec, folder, engine, kind)
        batch = min(found.spec.batch, LIMITED_BATCH) if limited else found.spec.batch
        companions[kind] = found._replace(spec=replace(found.spec, batch=batch))

    for kind in dict.fromkeys(rung.precision for rung in rungs if rung.parts):
        for part, load in (("sources", load_members), ("companion", load_partner)):
            if not any(getattr(rung, part) for rung in rungs if rung.precision == kind):
                continue
            try:
                load(kind)
            except (WeightsError, NetworkError) as error:
                if kind == precision:
                    raise
                log.warning("%s; the ladder goes without %s %s", error, kind, part)
                rungs = [r for r in rungs if r.precision != kind or not getattr(r, part)]
    mixer = None
    if spec.mixer is not None and top.mixer:
        mixer = read_mixer(read_weights(folder, spec.mixer), spec.mixer)
    return Ladder(rungs, members, mixer, companions)


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


def load_companion(spec: SystemSpec, folder: Path, engine: Engine, precision: str) -> Companion:
    """Load a system's companion; raises WeightsError or NetworkError."""
    assert spec.companion is not None
    name = name_for(precision, folder, spec.companion.weights)
    with weights_file(folder, name) as path:
        int8 = name != spec.companion.weights
        network = engine.open_companion(path, name, precision="int8" if int8 else "float32")
    return Companion(network, spec.companion, spec.blend or {})


def _weights(spec: SystemSpec, rung: Rung) -> list[str]:
    # Names of the float32 networks that a rung needs, or whose int8 ones it does.
    companion = [spec.companion.weights] if spec.companion and rung.companion else []
    return [*(spec.separators[source].weights for source in rung.sources), *companion]


def _resolve(spec: SystemSpec, folder: Path, sources: Sequence[str]) -> str:
    # What auto comes to, unless some networks have an int8 one and others do not.
    names = _weights(spec, _only(Rung(), spec, sources))
    quantised = [name_for("auto", folder, name) != name for name in names]
    if all(quantised):
        return "int8"
    return "auto" if any(quantised) else "float32"


def _only(rung: Rung, spec: SystemSpec, sources: Sequence[str]) -> Rung:
    # The Mixer takes all four stems, and gives each of them something of the others.
    kept = tuple(s for s in rung.sources if s in sources and s in spec.separators)
    companion = rung.companion and spec.companion is not None
    return replace(rung, sources=kept, mixer=rung.mixer and kept == SOURCES, companion=companion)


def _is_below(rung: Rung, top: Rung, spec: SystemSpec, folder: Path) -> bool:
    if rung == top or not rung.parts:  # the last resort is added for every system
        return False
    if rung.precision == "float32" and top.precision == "int8":
        return False
    if rung.precision == "float32":
        return True
    return all(name_for("auto", folder, name) != name for name in _weights(spec, rung))
