"""The time limit of a song: its possible values, and where it comes from."""

import os
from dataclasses import dataclass

from mdx.errors import ConfigError


@dataclass(frozen=True)
class Limit:
    """A policy: a fixed number of seconds, a multiple of the song's duration, or none."""

    kind: str = "none"  # fixed, ratio or none
    value: float = 0.0
    most: float = float("inf")  # seconds, whatever the policy

    def seconds(self, duration: float) -> float | None:
        """The limit of a song of this duration, in seconds; None for no limit."""
        if self.kind == "none":
            return None
        return min(self.most, self.value * (duration if self.kind == "ratio" else 1))

    def __str__(self) -> str:
        return self.kind if self.kind == "none" else f"{self.kind}:{self.value:g}"


def parse_limit(text: str | float, what: str = "limit") -> Limit:
    """Read `fixed:240`, `ratio:1.57`, `none`, or a number of seconds; raises ConfigError."""
    kind, colon, number = str(text).strip().rpartition(":")
    if number == "none" and not colon:
        return Limit()
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if kind not in (("fixed", "ratio") if colon else ("",)) or not 0 < value < float("inf"):
        raise ConfigError(
            what, got=f"'{text}'", expected="SECONDS, ratio:N or none, with numbers above 0"
        )
    return Limit(kind or "fixed", value)


def find_limit(given: str | None, declared: str | float | None) -> Limit | None:
    """The limit of a song from the command line, the environment, or the system, in that order.

    The environment: MDX_LIMIT, a policy; or the challenge's own number of seconds,
    INFERENCE_PER_MUSIC_TIMEOUT_SECONDS. None if there is none. Raises ConfigError.
    """
    if given is not None:
        return parse_limit(given, "--limit")
    for name in ("MDX_LIMIT", "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"):
        if value := os.environ.get(name):
            return parse_limit(value, name)
    return None if declared is None else parse_limit(declared, "the system's limit")
