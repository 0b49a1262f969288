"""Names of weights: replaced by ours one pattern after the other, and counted."""

import re
from collections.abc import Callable, Iterable

Replacement = str | Callable[[re.Match[str]], str]


def renamed(name: str, patterns: Iterable[tuple[str, Replacement]]) -> str:
    """A name after all replacements, in their order."""
    for pattern, ours in patterns:
        name = re.sub(pattern, ours, name)
    return name


def count(names: Iterable[str], pattern: str) -> int:
    """How many different texts the pattern's group has in the names that contain it."""
    return len({found[1] for name in names if (found := re.search(pattern, name))})
