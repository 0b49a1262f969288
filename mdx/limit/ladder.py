"""The quality levels of a loaded system, best first, and what runs at each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdx.combine.protocol import Combiner
from mdx.estimators.normalise import Normalisation
from mdx.estimators.protocol import Estimator, Geometry, SegmentListener, polarity_averaged
from mdx.pipeline import Pipeline
from mdx.stages import Stages
from mdx.systems.spec import QualityLevel

Estimators = Mapping[tuple[str, str], Estimator]  # by precision and name


@dataclass(frozen=True)
class Ladder:
    """What a song can be separated with: usually one level, several for a time limit.

    It keeps no state of a song, so threads can share it.
    """

    stems: tuple[str, ...]
    # Each names its estimators, and has a Mixer only with all that it needs. The first has every
    # estimator that any of them has.
    levels: tuple[QualityLevel, ...]
    estimators: Estimators
    combiners: tuple[Combiner, ...]
    # What all stems go through in the end, together with the mixture, if every estimator runs.
    filter: Estimator | None = None

    def running(self, level: QualityLevel) -> list[Estimator]:
        """The estimators of a level."""
        return [self.estimators[level.precision, name] for name in level.estimators or ()]

    def filter_of(self, level: QualityLevel) -> Estimator | None:
        """The filter, at levels with all estimators of the best one."""
        return self.filter if level.estimators == self.levels[0].estimators else None

    def parts(self, level: QualityLevel) -> list[Estimator]:
        """The estimators of a level, and its filter if it has one."""
        last = self.filter_of(level)
        return self.running(level) if last is None else [*self.running(level), last]

    def open(
        self,
        level: QualityLevel,
        *,
        listeners: Sequence[SegmentListener] = (),
        stages: Stages | None = None,
        normalisations: Mapping[str, Normalisation] | None = None,
    ) -> Pipeline:
        """A song's stream at a level; `normalisations` are those of `normalise_by`."""
        combiners = [step for step in self.combiners if level.mixer or not step.needs_all]
        estimators = self.running(level)
        if level.both_polarities:
            estimators = [polarity_averaged(estimator) for estimator in estimators]
        return Pipeline(
            self.stems, estimators, combiners, last=self.filter_of(level),
            listeners=listeners, stages=stages, normalisations=normalisations,
        )  # fmt: skip

    def count_segments(self, level: QualityLevel, samples: int) -> int:
        """Number of segments of all parts of a level for so many samples."""
        return sum(part.geometry.count(samples) for part in self.parts(level))

    def describe(self) -> list[dict[str, Any]]:
        """Each level as plain fields, with a label for people."""
        return [
            {
                "index": index,
                "precision": level.precision,
                "estimators": list(level.estimators or ()),
                "sources": self._made(level),
                "mixer": level.mixer,
                "both_polarities": level.both_polarities,
                "label": level.label(self.levels[0]),
            }
            for index, level in enumerate(self.levels)
        ]

    def _made(self, level: QualityLevel) -> list[str]:
        # The stems that an estimator makes, in the system's order.
        made = {stem for estimator in self.running(level) for stem in estimator.makes}
        return [stem for stem in self.stems if stem in made]

    @property
    def geometries(self) -> list[dict[str, Geometry]]:
        """How each part of each level cuts a song, by the part's name."""
        return [{part.name: part.geometry for part in self.parts(it)} for it in self.levels]

    @property
    def normalise_by(self) -> frozenset[str]:
        """The ways in which a song must be normalised for the estimators."""
        ways = (part.normalise for part in self.running(self.levels[0]))
        return frozenset(way for way in ways if way is not None)
