"""The stages of a submission's run time: their order and their colours.

Only the stages around the networks have fixed names. A network's stage is named after the source
that it makes or after its estimator, so any unknown name is taken to be a network's.
"""

from collections.abc import Iterable

from mdx.systems.spec import SOURCES

REST = "rest"  # the seconds of a song that no stage accounts for
UNREPORTED = "all stages"  # for a submission that reports no stages
BEFORE, AFTER = ("read", "stft"), ("istft", "combine", "write")  # around the networks
# Paul Tol's muted and light colours: a stage must not look like a system.
COLOURS = {
    "read": "#999933",
    "stft": "#88CCEE",
    "bass": "#44AA99",
    "drums": "#CC6677",
    "other": "#DDCC77",
    "vocals": "#AA4499",
    "istft": "#6699CC",
    "combine": "#332288",  # the darkest, for the shortest bar
    "write": "#882255",
    REST: "#BBBBBB",
    UNREPORTED: "#BBBBBB",
}
SPARE = ("#117733", "#EE8866", "#661100", "#BBCC33", "#FFAABB", "#77AADD")


def in_order(stages: Iterable[str]) -> list[str]:
    """Stages in signal order, each once; networks of other names keep the order given."""
    ranks = {stage: rank for rank, stage in enumerate((*BEFORE, *SOURCES))}
    last = {stage: len(ranks) + 1 + rank for rank, stage in enumerate((*AFTER, REST, UNREPORTED))}
    return sorted(dict.fromkeys(stages), key=lambda stage: (ranks | last).get(stage, len(ranks)))


def stage_colours(stages: Iterable[str]) -> dict[str, str]:
    """A colour for each stage, in signal order: its own, or the next spare one."""
    ordered = in_order(stages)
    unknown = [stage for stage in ordered if stage not in COLOURS]
    spare = {stage: SPARE[index % len(SPARE)] for index, stage in enumerate(unknown)}
    return {stage: COLOURS.get(stage) or spare[stage] for stage in ordered}
