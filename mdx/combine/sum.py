"""Sum: two estimators' parts of the same stems, each with its own band of frequencies."""

from typing import ClassVar

from mdx.combine.protocol import Stems
from mdx.systems.spec import Audio, require


class Sum:
    """Adds the stems that an estimator makes to those so far; where it does not run, these stay."""

    kind: ClassVar[str] = "sum"
    needs_all: ClassVar[bool] = False

    def __init__(self, estimator: str | None) -> None:
        """Raises ConfigError if no estimator is named."""
        require(estimator is not None, "sum", "no estimator", "the name of one to add")
        self.estimator = estimator

    def __call__(self, stems: Stems, aside: Stems | None, mix: Audio) -> Stems:
        """See mdx.combine.protocol.Combiner."""
        del mix
        added = {} if aside is None else aside
        both = {name: stems[name] + part for name, part in added.items() if name in stems}
        return {**added, **stems, **both}
