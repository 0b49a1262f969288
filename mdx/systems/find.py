"""Systems by name, or by the path of a YAML file of your own."""

from pathlib import Path

from mdx.errors import ConfigError
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import (
    MODELS,
    SOURCES,
    CompanionSpec,
    Rung,
    SeparatorSpec,
    SystemSpec,
    TwoStemsSpec,
)


def system_names() -> list[str]:
    """Names of the systems that come with the repository, sorted."""
    return sorted(path.stem for path in (MODELS / "systems").glob("*.yaml"))


def find_system(system: str | Path) -> tuple[SystemSpec, Path]:
    """Read a system by its name, or by the path of a YAML file of your own.

    Returns the system and the folder of its weights: `models/weights` for a name, the YAML's own
    folder for a path. Raises ConfigError where there is no such system or it is not valid.
    """
    if Path(system).suffix in (".yaml", ".yml"):
        return read_system(Path(system)), Path(system).resolve().parent
    if str(system) not in system_names():
        raise ConfigError(
            "system",
            got=f"'{system}'",
            expected=f"one of {', '.join(system_names())}",
            hint="or give the path of a system's .yaml file",
        )
    return read_system(MODELS / "systems" / f"{system}.yaml"), MODELS / "weights"


def read_system(path: Path) -> SystemSpec:
    """Read one system from a YAML file; unknown or missing keys raise ConfigError."""
    values = read_mapping(path)
    separators = values.get("separators", {})
    if not isinstance(separators, dict) or set(separators) not in (set(SOURCES), set()):
        got = list(separators) if isinstance(separators, dict) else separators
        raise ConfigError(f"{path}: separators", got=got, expected=f"the keys {list(SOURCES)}")
    values["separators"] = {
        source: build(SeparatorSpec, separators[source], f"{path}: {source}")
        for source in SOURCES
        if source in separators
    }
    data = values.get("training_data", [])
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise ConfigError(f"{path}: training_data", got=repr(data), expected="a list of names")
    if "training_data" in values:
        values["training_data"] = tuple(data)
    if "ladder" in values:
        companion = values.get("companion") is not None
        values["ladder"] = _build_ladder(values["ladder"], f"{path}: ladder", companion=companion)
    for key, cls in (("companion", CompanionSpec), ("two_stems", TwoStemsSpec)):
        if values.get(key) is not None:
            values[key] = build(cls, values[key], f"{path}: {key}")
    blend = values.get("blend")
    if blend is not None and not (isinstance(blend, dict) and all(map(_is_number, blend.values()))):
        raise ConfigError(f"{path}: blend", got=repr(blend), expected="a number for every source")
    return build(SystemSpec, values, str(path))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _build_ladder(rungs: object, where: str, *, companion: bool) -> tuple[Rung, ...]:
    if not isinstance(rungs, list) or not rungs:
        raise ConfigError(where, got=repr(rungs), expected="a list of rungs, the best first")
    built = []
    for values in rungs:
        sources = values.get("sources", list(SOURCES)) if isinstance(values, dict) else []
        if not isinstance(sources, list) or not all(source in SOURCES for source in sources):
            raise ConfigError(where, got=repr(sources), expected=f"some of {list(SOURCES)}")
        ordered = tuple(source for source in SOURCES if source in sources)
        if isinstance(values, dict):
            values = {"companion": companion, **values, "sources": ordered}
        built.append(build(Rung, values, where))
    return tuple(built)
