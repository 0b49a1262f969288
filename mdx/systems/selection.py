"""Which stems of a system are made: all, some, or one and what it leaves of the song."""

from collections.abc import Sequence

from mdx.errors import ConfigError
from mdx.systems.spec import SystemSpec

# What is left of a song without this stem, where it is not called no_<stem>.
REMAINDERS = {"vocals": "instrumental", "instrumental": "vocals"}


def stems_of(
    spec: SystemSpec, sources: Sequence[str] | None, two_stems: str | None
) -> tuple[tuple[str, ...], str | None]:
    """The stems that a system is to make, and the name of the remainder where it is wanted.

    Raises ConfigError for a stem that the system does not have.
    """
    wanted = [two_stems] if two_stems else sources or list(spec.stems)
    unknown = [stem for stem in wanted if stem not in spec.stems]
    if unknown:
        raise ConfigError(
            f"system {spec.name}", got=f"the stem '{unknown[0]}'",
            expected=f"one of {', '.join(spec.stems)}",
            hint="--two-stems vocals makes it" if unknown[0] == "instrumental" else "",
        )  # fmt: skip
    if two_stems is None:
        return tuple(stem for stem in spec.stems if stem in wanted), None
    return (two_stems,), REMAINDERS.get(two_stems, f"no_{two_stems}")
