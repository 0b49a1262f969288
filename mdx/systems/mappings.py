"""YAML files that contain one mapping, and dataclasses made from mappings."""

from copy import deepcopy
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import yaml

from mdx.errors import ConfigError


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains one mapping; raises ConfigError for anything else."""
    try:
        # A copy, as its readers change what they get.
        values = deepcopy(_parse(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(path, got=error.strerror, expected="a readable YAML file") from error
    except RecursionError as error:
        raise ConfigError(path, got="lists in lists without end", expected="valid YAML") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: impossible bytes or dates
        raise ConfigError(path, got=error, expected="valid YAML") from error
    if not isinstance(values, dict):
        raise ConfigError(path, got=type(values).__name__, expected="a mapping of keys to values")
    return values


@lru_cache(maxsize=4)
def _parse(text: str) -> Any:
    # A manifest is read again for every file of a system, which would take longer than hashing it.
    return yaml.safe_load(text)


T = TypeVar("T")


def build(cls: type[T], values: object, where: str) -> T:
    """Make a dataclass from a YAML mapping, whose keys and plain types must match the fields."""
    if not isinstance(values, dict):
        raise ConfigError(where, got=type(values).__name__, expected="a mapping of keys to values")
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    unknown = [key for key in values if key not in known]
    if unknown:
        raise ConfigError(
            where, got=f"unknown key '{unknown[0]}'", expected=f"one of {', '.join(sorted(known))}"
        )
    for key, value in values.items():
        kind: Any = known[key].type
        # Generics such as Mapping[...] are checked where they are constructed.
        plain = isinstance(kind, type | UnionType) and not any(map(get_origin, get_args(kind)))
        exact = isinstance(value, bool) == (kind is bool)  # in Python, True is also an int
        number = kind | int if kind in (float, float | None) else kind  # 1 for 1.0
        if plain and not (exact and isinstance(value, number)):
            expected = getattr(kind, "__name__", kind)
            raise ConfigError(f"{where}: {key}", got=repr(value), expected=f"of type {expected}")
    required = [
        name for name, field in known.items()
        if field.init and field.default is MISSING and field.default_factory is MISSING
    ]  # fmt: skip
    if missing := [name for name in required if name not in values]:
        raise ConfigError(where, got=f"no key '{missing[0]}'", expected=", ".join(required))
    try:
        return cls(**values)
    except ConfigError as error:
        raise error.within(where) from error
