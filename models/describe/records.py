"""Settings that a network's graph does not contain, from the user's `model_data.json`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdx.errors import ConfigError, NetworkError
from mdx.systems.spec import require

# n_fft of the published networks, by the bins that they keep.
KNOWN_N_FFT = {2048: (4096, 5120, 6144, 8192, 16384), 2560: (5120,), 3072: (6144, 7680)}
# Words in the settings of other architectures; the first match names one.
ARCHITECTURES = {
    "scnet": "SCNet",
    "bandit": "Bandit",
    "mel_band": "Mel-Band Roformer",
    "melband": "Mel-Band Roformer",
    "bs_roformer": "BS-Roformer",
    "roformer": "Roformer",
    "apollo": "Apollo",
}


@dataclass(frozen=True)
class Record:
    """The record of an MDX-Net in UVR's registry."""

    n_fft: int
    dim_f: int
    log2_dim_t: int
    primary: str  # the stem that the network makes
    compensate: float  # gain of its estimate
    karaoke: bool = False  # whether vocals are only the lead


@dataclass(frozen=True)
class Mdx23cRecord:
    """The record of an MDX23C checkpoint in UVR's registry."""

    config_yaml: str  # name of the file with its settings
    karaoke: bool = False


def find_record(path: Path, uvr_hash: str) -> Record | Mdx23cRecord | None:
    """The record of a network by its hash, None if there is none.

    Raises ConfigError for a malformed file or record, NetworkError where the record is that of
    another architecture.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, got=error.strerror, expected="a model_data.json") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, got=error, expected="valid JSON") from error
    if not isinstance(records, dict):
        raise ConfigError(path, got=type(records).__name__, expected="an object of records by hash")
    if uvr_hash not in records:
        return None
    where, values = f"{path}: {uvr_hash}", records[uvr_hash]
    if not isinstance(values, dict):
        raise ConfigError(where, got=type(values).__name__, expected="an object of settings")
    if other := _other_architecture(values):
        raise NetworkError(where, got=f"a {other} network", expected="an MDX-Net or an MDX23C",
                           hint=f"{other} is not supported")  # fmt: skip
    karaoke = values.get("is_karaoke") is True
    if "config_yaml" in values:
        return Mdx23cRecord(_file_name(values, "config_yaml", where), karaoke)
    return Record(
        n_fft=_whole(values, "mdx_n_fft_scale_set", where),
        dim_f=_whole(values, "mdx_dim_f_set", where),
        log2_dim_t=_whole(values, "mdx_dim_t_set", where),
        primary=_checked(values, "primary_stem", str, where),
        compensate=float(_checked(values, "compensate", (int, float), where)),
        karaoke=karaoke,
    )


def other_stem(primary: str) -> str:
    """UVR's name for the rest of a mixture without a stem."""
    pair = {"vocals": "Instrumental", "instrumental": "Vocals"}
    if primary.lower() in pair:
        return pair[primary.lower()]
    return primary[3:] if primary.lower().startswith("no ") else f"No {primary}"


def likely_n_fft(dim_f: int) -> tuple[int, ...]:
    """What n_fft may be: it is not in the graph. Of unknown sizes, the one of full band."""
    return KNOWN_N_FFT.get(dim_f, (2 * dim_f,))


def _other_architecture(values: Mapping[str, Any]) -> str | None:
    if "vr_model_param" in values:
        return "VR"
    if "config_yaml" not in values:
        return None
    words = f"{values.get('model_type', '')} {values['config_yaml']}".lower().replace("-", "_")
    named = (name for word, name in ARCHITECTURES.items() if word in words)
    # The registry also marks other networks with their own configuration as Roformer.
    return next(named, "Roformer, SCNet or Bandit" if values.get("is_roformer") else None)


def _file_name(values: Mapping[str, Any], key: str, where: str) -> str:
    name: str = _checked(values, key, str, where)
    fine = not re.search(r"[/\\\x00]", name) and name.endswith((".yaml", ".yml"))
    require(fine, f"{where}: {key}", repr(name), "the name of a .yaml, without folders")
    return name


def _whole(values: Mapping[str, Any], key: str, where: str) -> int:
    found: int = _checked(values, key, int, where)
    return found


def _checked(values: Mapping[str, Any], key: str, kind: type | tuple[type, ...], where: str) -> Any:
    if key not in values:
        raise ConfigError(where, got=f"no '{key}'", expected="the five settings of an MDX-Net")
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, kind):
        expected = "text" if kind is str else "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: {key}", got=repr(value), expected=expected)
    return value
