"""The networks of the paper's comparison by name: published sizes, inputs and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from models import d3net, lasaft, mm_dense, open_unmix, resunet, tfc_tdf_v1, tfc_tdf_v3, x_umx

# Channels of a network's input: the real numbers for each bin or sample of a mixture.
CHANNELS = {
    "spectrogram": 4,  # L.re, L.im, R.re, R.im, for the input and for each source of the output
    "magnitude": 2,  # the output has magnitudes too: masks are applied in the graph
    "waveform": 2,
}


@dataclass(frozen=True)
class Architecture:
    """One kind of network, and the contract of its graph."""

    title: str
    network: Callable[[Any], nn.Module]  # of a size
    sizes: Mapping[str, Any]  # published specs by name, the default first
    kind: str  # of CHANNELS
    sources: tuple[str, ...]  # the output's second axis, in order; empty: one graph per source
    hop: int  # samples between frames
    length: int  # frames of one pass, or samples of a waveform
    dynamic: bool = False  # whether a pass may have any length
    lengths: Mapping[Any, int] = field(default_factory=dict)  # for specs with their own length
    others: str = ""  # what to do with a checkpoint of another size

    @property
    def spec(self) -> Any:
        """The default published size."""
        return next(iter(self.sizes.values()))

    def input_shape(self, spec: Any) -> tuple[int, ...]:
        """The input of one pass for a size, without the batch."""
        bins = () if self.kind == "waveform" else (spec.dim_f,)
        return (CHANNELS[self.kind], *bins, self.lengths.get(spec, self.length))


ARCHITECTURES = {
    "open_unmix": Architecture(
        "Open-Unmix",
        open_unmix.OpenUnmix,
        {"umx": open_unmix.OpenUnmixSpec(), "umxl": open_unmix.OpenUnmixSpec(hidden=1024)},
        kind="magnitude",
        sources=(),
        hop=1024,
        length=431,
        dynamic=True,
    ),
    "x_umx": Architecture(
        "X-UMX",
        x_umx.XUmx,
        {"x_umx": x_umx.XUmxSpec()},
        kind="magnitude",
        sources=x_umx.SOURCES,
        hop=1024,
        length=431,
        dynamic=True,
    ),
    "d3net": Architecture(
        "D3Net",
        d3net.D3Net,
        {
            "vocals": d3net.D3NetSpec(),
            "other": d3net.D3NetSpec(),
            "drums": d3net.DRUMS,
            "bass": d3net.BASS,
        },
        kind="magnitude",
        sources=(),
        hop=1024,
        length=256,
        lengths={d3net.BASS: 384},
    ),
    "mm_dense_lstm": Architecture(
        "MMDenseLSTM",
        mm_dense.MMDense,
        {"mm_dense_lstm": mm_dense.LSTM},
        kind="magnitude",
        sources=(),
        hop=1024,
        length=256,
    ),
    "mm_dense_net": Architecture(
        "MMDenseNet",
        mm_dense.MMDense,
        {"mm_dense_net": mm_dense.NET},
        kind="magnitude",
        sources=(),
        hop=1024,
        length=256,
    ),
    "resunet_decouple": Architecture(
        "ResUNetDecouple+",
        resunet.ResUNetDecouple,
        {"resunet_decouple": resunet.ResUNetSpec()},
        kind="waveform",
        sources=(),
        hop=441,
        length=30 * 44100,
    ),
    "lasaft": Architecture(
        "LaSAFT-Net",
        lasaft.Lasaft,
        {"large": lasaft.LasaftSpec(), "light": lasaft.LIGHT},
        kind="spectrogram",
        sources=lasaft.SOURCES,
        hop=1024,
        length=128,
    ),
    "tfc_tdf_v1": Architecture(
        "TFC-TDF-U-Net v1",
        tfc_tdf_v1.TfcTdfV1UNet,
        {"large": tfc_tdf_v1.TfcTdfV1Spec()},
        kind="spectrogram",
        sources=(),
        hop=1024,
        length=128,
    ),
    "tfc_tdf_v3": Architecture(
        "TFC-TDF-U-Net v3",
        tfc_tdf_v3.TfcTdfV3UNet,
        {"model1": tfc_tdf_v3.TfcTdfV3Spec()},
        kind="spectrogram",
        sources=tfc_tdf_v3.SOURCES,
        hop=2048,
        length=1024,
        others="an MDX23C has its sizes in a YAML: python -m models.describe FILE makes its system",
    ),
}
