"""MDX23C checkpoints: TFC-TDF-U-Net v3 as the UVR community trains it, and a system of one.

Sizes are those of the checkpoint's YAML, and must be those of its weights.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from mdx.errors import ConfigError, NetworkError
from mdx.estimators.stft import StftSpec
from mdx.files import replacing
from mdx.systems.manifest import describe_file
from models.describe.graph import TAIL, uvr_hash
from models.describe.lines import KARAOKE, chunk_lines, file_lines, shape_line
from models.describe.mdx23c_config import Mdx23cConfig, read_config
from models.describe.records import Mdx23cRecord, find_record
from models.describe.system import check_free, check_name, mdx23c_system, write_system

if TYPE_CHECKING:
    from models.tfc_tdf_v3 import TfcTdfV3Spec, TfcTdfV3UNet

MAGIC = (b"PK\x03\x04", b"\x80")  # torch's zip, and its older format
UVR_FOLDER = "mdx_c_configs"  # UVR's folder for these YAMLs, next to its model_data.json


def is_checkpoint(path: Path) -> bool:
    """Whether a file begins like torch's; raises NetworkError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(MAGIC)
    except OSError as error:
        raise NetworkError(path, got=error.strerror, expected="a network's file") from error


def describe_checkpoint(
    path: Path, *, config_yaml: Path | None, model_data: Path | None, write: Path | None,
    overwrite: bool,
) -> None:  # fmt: skip
    """Describe an MDX23C checkpoint, and write its network as ONNX with a system for it.

    Raises NetworkError, WeightsError or ConfigError where it is none, its YAML is not known or
    does not fit, or a file would be replaced; OSError where one cannot be written.
    """
    tail = tail_hash(path)
    record = find_record(model_data, tail) if model_data else None
    if record is not None and not isinstance(record, Mdx23cRecord):
        raise NetworkError(path, got="a PyTorch checkpoint", expected="an ONNX file, by its record",
                           hint="the record is another network's")  # fmt: skip
    settings = config_yaml or _find_config(path, model_data, record, tail)
    config = read_config(settings)
    try:
        stft, _ = stft_of(config), _spec(config)
        if write:
            check_name(write)
            mdx23c_system(write.stem, f"{write.stem}.onnx", config, uvr_hash=tail)
    except ConfigError as error:
        raise error.within(settings) from error
    if write and not overwrite:
        check_free(write, f"{write.stem}.onnx")
    net = load(path, config)
    print(*_lines(path, tail, config, stft, net), sep="\n")
    if record and record.karaoke:
        print(KARAOKE)
    if write:
        _write(write, path, net, config, tail, overwrite=overwrite)


def tail_hash(path: Path) -> str:
    """UVR's hash of a file of any size; raises NetworkError if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            return uvr_hash(file.read(TAIL))
    except OSError as error:
        raise NetworkError(path, got=error.strerror, expected="a network's file") from error


def load(path: Path, config: Mdx23cConfig) -> "TfcTdfV3UNet":
    """The network of a checkpoint; raises WeightsError if it does not match the YAML."""
    from models.checkpoints.load import network_of
    from models.checkpoints.read import read_checkpoint
    from models.tfc_tdf_v3 import TfcTdfV3UNet

    net = network_of(read_checkpoint(path), path, "tfc_tdf_v3", _spec(config))
    assert isinstance(net, TfcTdfV3UNet)
    return net


def _spec(config: Mdx23cConfig) -> "TfcTdfV3Spec":
    from models.tfc_tdf_v3 import TfcTdfV3Spec

    return TfcTdfV3Spec(
        dim_f=config.dim_f, n_blocks=2 * config.n_levels + 1, n_layers=config.n_layers,
        growth=config.growth, bottleneck=config.bottleneck, width=config.width,
        subbands=config.subbands, norm=config.norm, activation=config.activation,
        strides=config.strides, sources=len(config.made),
    )  # fmt: skip


def stft_of(config: Mdx23cConfig) -> StftSpec:
    """The sizes of a network's chunks; raises ConfigError if they are impossible."""
    return StftSpec(config.n_fft, config.hop, config.dim_f, config.dim_t)


def _find_config(
    path: Path, model_data: Path | None, record: Mdx23cRecord | None, tail: str
) -> Path:
    if record is None:
        _refuse_others(path)
        where = (
            f"no record for {tail} in {model_data}" if model_data else "no more than its weights"
        )
        raise ConfigError(
            path, got=f"a PyTorch checkpoint and {where}",
            expected="an MDX23C checkpoint with the YAML of its sizes",
            hint="give --config-yaml, or --model-data with its record",
        )  # fmt: skip
    assert model_data is not None
    folders = (model_data.parent / UVR_FOLDER, model_data.parent, path.parent)
    places = [folder / record.config_yaml for folder in folders]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ConfigError(
            path, got=f"a record that names {record.config_yaml}, which is in none of "
            f"{', '.join(str(folder) for folder in folders)}",
            expected="that file", hint="give it by --config-yaml",
        )  # fmt: skip
    return found


def _refuse_others(path: Path) -> None:
    # A checkpoint of another system is recognised and named.
    from models.architectures import ARCHITECTURES
    from models.checkpoints.formats import architecture_of, is_demucs_v2, other_system
    from models.checkpoints.read import read_checkpoint

    state = read_checkpoint(path)
    known = architecture_of(state)
    title = ARCHITECTURES[known].title if known else other_system(state)
    if title and known != "tfc_tdf_v3":
        converted = known is not None or is_demucs_v2(state)
        convert = (
            "python -m models.convert makes its network" if converted else "it is not supported"
        )
        raise NetworkError(path, got=f"a checkpoint of {title}", expected="an MDX23C", hint=convert)


def _lines(
    path: Path, tail: str, config: Mdx23cConfig, stft: StftSpec, net: "TfcTdfV3UNet"
) -> list[str]:
    weights = sum(parameter.numel() for parameter in net.parameters())
    return [
        *file_lines(path, describe_file(path), tail),
        f"network     MDX23C (TFC-TDF-U-Net v3), {weights} parameters, PyTorch",
        shape_line(stft.dim_f, stft.dim_t),
        *chunk_lines(stft, f"the mean of {config.chunks}"),
        f"stems       {', '.join(config.made)}",
    ]


def _write(
    path: Path, checkpoint: Path, net: "TfcTdfV3UNet", config: Mdx23cConfig, tail: str, *,
    overwrite: bool,
) -> None:  # fmt: skip
    from models.export import export_network

    target = path.with_suffix(".onnx")
    with replacing(target) as draft:  # the old network stays until the new one is described
        error = export_network(net, draft, shape=(4, config.dim_f, config.dim_t), called=target)
        write_system(
            mdx23c_system(path.stem, target.name, config, uvr_hash=tail), path,
            draft.read_bytes(), overwrite=overwrite,
            made_by=f"python -m models.describe {checkpoint.name} --write {path.name}",
            parent=describe_file(checkpoint).sha256,
        )  # fmt: skip
    print(f"graph       {target}: a relative error of {error:.1e} between onnxruntime and torch")
    print(f"system      {path}: mdx separate SONG --system {path}")
