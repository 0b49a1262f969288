"""Systems by name, or by the path of a YAML file."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mdx.errors import ConfigError
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import (
    MODELS,
    CombinerSpec,
    EstimatorSpec,
    QualityLevel,
    SystemSpec,
    require,
)

SYSTEMS, WEIGHTS = MODELS / "systems", MODELS / "weights"
DEFAULT_SYSTEM = "synthetic"  # where nobody names one: it is here, and makes all four stems
# Former keys of systems, and their replacements.
OLD_KEYS = {
    "separators": "estimators: [{kind: spectrogram, makes: [SOURCE], weights: ..., n_fft: ...}]",
    "companion": "estimators: [{kind: waveform, name: demucs_v2, makes: [...], weights: ...}]",
    "two_stems": "estimators: [{kind: spectrogram, geometry: uvr, ...}], combine: [{kind: rest}]",
    "profile": "geometry: kuielab or uvr, of each estimator",
    "mixer": "combine: [{kind: mixer, weights: ...}]",
    "blend": "combine: [{kind: blend, estimator: NAME, shares: {SOURCE: SHARE}}]",
}
OLD_LEVEL_KEYS = {
    "sources": "estimators: [NAME, ...], those that run",
    "companion": "estimators: [NAME, ...], those that run",
}
Values = Mapping[str, Any]


def system_names() -> list[str]:
    """Names of the systems that come with the repository, sorted."""
    return sorted(path.stem for path in SYSTEMS.glob("*.yaml"))


def find_system(system: str | Path) -> tuple[SystemSpec, Path]:
    """Read a system by its name, or by the path of a YAML file of your own.

    Returns the system and the folder of its weights: `models/weights` for a system that comes with
    the repository, otherwise the YAML's own folder.
    Raises ConfigError if there is no such system or it is not valid.
    """
    if Path(system).suffix in (".yaml", ".yml"):
        folder = Path(system).resolve().parent
        return read_system(Path(system)), WEIGHTS if folder == SYSTEMS.resolve() else folder
    names = system_names()
    if str(system) not in names:
        close = "".join(
            f"did you mean {name}? " for name in get_close_matches(str(system), names, 1)
        )
        raise ConfigError(
            "system", got=f"'{system}'", expected=f"one of {', '.join(names)}",
            hint=f"{close}or give the path of a system's .yaml file",
        )  # fmt: skip
    return read_system(SYSTEMS / f"{system}.yaml"), WEIGHTS


def read_system(path: Path) -> SystemSpec:
    """Read one system from a YAML file; unknown, old or missing keys raise ConfigError."""
    values = read_mapping(path)
    _refuse_old(values, OLD_KEYS, str(path))
    where = f"{path}: "
    for key in ("training_data", "stems"):
        if key in values:
            values[key] = _names(values[key], f"{where}{key}")
    for key, make in (("estimators", _estimator), ("combine", _combiner), ("ladder", _level)):
        if key in values:
            parts = _list(values[key], f"{where}{key}")
            values[key] = tuple(make(part, f"{where}{key}") for part in parts)
    return build(SystemSpec, values, str(path))


def _estimator(values: Values, where: str) -> EstimatorSpec:
    require("makes" in values, where, "an estimator without 'makes'", "the stems that it makes")
    values = {**values, "makes": _names(values["makes"], f"{where}: makes")}
    if isinstance(weights := values.get("weights"), dict):
        fine = all(isinstance(name, str) for name in (*weights, *weights.values()))
        require(fine, f"{where}: weights", weights, "the name of a file for each stem")
        values["stem_weights"] = values.pop("weights")
    return build(EstimatorSpec, _split(values, EstimatorSpec, where), where)


def _combiner(values: Values, where: str) -> CombinerSpec:
    return build(CombinerSpec, _split(values, CombinerSpec, where), where)


def _level(values: Values, where: str) -> QualityLevel:
    _refuse_old(values, OLD_LEVEL_KEYS, where)
    if "estimators" in values:
        values = {**values, "estimators": _names(values["estimators"], f"{where}: estimators")}
    return build(QualityLevel, values, where)


def _split(values: Values, cls: type, where: str) -> dict[str, Any]:
    # The fields of its class; all other keys are options of its kind.
    require("kind" in values, where, f"{dict(values)}", "the key 'kind'")
    own = {key: value for key, value in values.items() if key in _KEYS[cls]}
    return {**own, "options": {key: values[key] for key in values if key not in own}}


_KEYS = {
    EstimatorSpec: ("kind", "weights", "stem_weights", "name", "makes"),
    CombinerSpec: ("kind", "weights", "estimator"),
}


def _list(values: object, where: str) -> list[Values]:
    fine = isinstance(values, list) and all(isinstance(part, dict) for part in values)
    require(fine, where, repr(values), "a list of mappings")
    assert isinstance(values, list)
    return values


def _names(values: object, where: str) -> tuple[str, ...]:
    fine = isinstance(values, list) and all(isinstance(name, str) for name in values)
    require(fine, where, repr(values), "a list of names")
    assert isinstance(values, list)
    return tuple(values)


def _refuse_old(values: Values, old: Mapping[str, str], where: str) -> None:
    for key, today in old.items():
        require(key not in values, where, f"the old key '{key}'", today)
