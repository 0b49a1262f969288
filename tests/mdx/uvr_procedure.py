"""A small system of the UVR community, and UVR's procedure for it, longhand in torch."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper

from mdx.systems.spec import Audio
from tests.tiny import TINY

SIZE = TINY["vocals"]  # chunk 2496, step 2112
GAIN = 1.035
CROP = SIZE.hop * 255
RNG = np.random.default_rng(0)
# A layer that mixes all frames and is neither linear nor symmetric.
WEIGHT = RNG.normal(0, SIZE.dim_t**-0.5, (SIZE.dim_t, SIZE.dim_t)).astype(np.float32)
BIAS = RNG.normal(0, 2, (4, SIZE.dim_f, 1)).astype(np.float32)


def network() -> bytes:
    """That layer as ONNX."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4, SIZE.dim_f, SIZE.dim_t])
        for name in ("input", "output")
    ]
    nodes = [
        helper.make_node("MatMul", ["input", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(array, name) for array, name in ((WEIGHT, "weight"), (BIAS, "bias"))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "layer", ends[:1], ends[1:], constants),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    content: bytes = model.SerializeToString()
    return content


def system(
    folder: Path, name: str = "uvr", *, match: bool = True, denoise: bool = False,
    stems: tuple[str, str] = ("vocals", "instrumental"), **changes: Any,
) -> Path:  # fmt: skip
    """The YAML of a system around that network, with changes to its estimator."""
    sizes = {"n_fft": SIZE.n_fft, "hop": SIZE.hop, "hidden_bins": 3}
    estimators = [
        {
            "kind": "spectrogram", "makes": [stems[0]], "weights": "net.onnx", "geometry": "uvr",
            "gain": GAIN, **sizes, **changes,
        },
    ]  # fmt: skip
    rest = {"kind": "rest"}
    if match:
        limit = {"kind": "band_limit", "name": "crop", "makes": ["mixture"], "dim_f": SIZE.dim_f}
        estimators.append(limit | sizes)
        rest["estimator"] = "crop"
    values = {
        "name": name, "description": "a random network", "training_data": [],
        "leaderboard": "none", "stems": list(stems), "estimators": estimators, "combine": [rest],
        "both_polarities": denoise,
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def longhand(mix: Audio, *, frames: int, overlap: float | None, denoise: bool | None) -> Audio:
    """UVR's procedure for a whole song, in torch; `denoise` None: without the network."""
    samples, n_fft, hop = mix.shape[1], SIZE.n_fft, SIZE.hop
    chunk, trim = hop * (frames - 1), n_fft // 2
    kept = chunk - 2 * trim
    tail = kept + trim - samples % kept
    padded = torch.nn.functional.pad(torch.from_numpy(mix), (trim, tail))
    total = torch.zeros(padded.shape, dtype=torch.float64)
    weights = torch.zeros(padded.shape[1], dtype=torch.float64)
    window = torch.hann_window(n_fft, periodic=True)
    step = chunk - n_fft if overlap is None else int((1 - overlap) * chunk)
    for start in range(0, padded.shape[1], step):
        part = padded[:, start : start + chunk]
        size = part.shape[1]
        part = torch.nn.functional.pad(part, (0, chunk - size))
        bins = torch.stft(part, n_fft, hop, window=window, return_complex=True)
        seen = torch.view_as_real(bins).permute(0, 3, 1, 2).reshape(4, -1, frames)[:, : SIZE.dim_f]
        seen = seen.clone()
        seen[:, :3] = 0
        if denoise is not None:
            weight, bias = torch.from_numpy(WEIGHT), torch.from_numpy(BIAS)
            found = torch.relu(seen @ weight + bias)
            if denoise:
                found = -0.5 * torch.relu(-seen @ weight + bias) + 0.5 * found
            seen = found
        whole = torch.zeros(4, n_fft // 2 + 1, frames)
        whole[:, : SIZE.dim_f] = seen
        spectrum = whole.reshape(2, 2, n_fft // 2 + 1, frames).permute(0, 2, 3, 1).contiguous()
        wave = torch.istft(torch.view_as_complex(spectrum), n_fft, hop, window=window)
        share = torch.from_numpy(np.ones(size) if overlap == 0 else np.hanning(size))
        total[:, start : start + size] += share * wave[:, :size]
        weights[start : start + size] += share
    out: Audio = (total / weights)[:, trim:-trim][:, :samples].numpy().astype(np.float32)
    return out


def stems_of(
    mix: Audio, *, overlap: float | None = None, denoise: bool = False, match: bool = True
) -> dict[str, Audio]:
    """Both stems by UVR's procedure."""
    primary = GAIN * longhand(mix, frames=SIZE.dim_t, overlap=overlap, denoise=denoise)
    of = longhand(mix, frames=256, overlap=0.02, denoise=None) if match else mix
    return {"vocals": primary, "instrumental": of - primary}
