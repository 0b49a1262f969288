"""The architectures at sizes that take about the same CPU time for four stems."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from benchmarks.architectures.concatenated import ConcatenatedUNet
from benchmarks.architectures.waves import Magnitudes, Normalised, Samples, Spectra
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import SOURCES
from models import lasaft, open_unmix, x_umx
from models.d3net import D3Net, D3NetSpec
from models.d3net_blocks import BandSpec
from models.demucs_v2 import network as demucs
from models.mm_dense import MMDense, MMDenseSpec
from models.mm_dense_bands import DenseBandSpec
from models.resunet import ResUNetDecouple, ResUNetSpec
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from models.tfc_tdf_v3 import TfcTdfV3Spec, TfcTdfV3UNet

N_FFT, HOP, FRAMES = 2048, 1024, 128
BINS = N_FFT // 2 + 1
CHUNK = HOP * (FRAMES - 1)  # samples of an example


@dataclass(frozen=True)
class Contestant:
    """One architecture; the network maps (batch, 2, CHUNK) to (batch, stems, 2, CHUNK)."""

    title: str
    build: "partial[nn.Module]"
    makes: tuple[str, ...] = ()  # the order of its stems if one network makes all four

    def network(self) -> nn.Module:
        """The network with fresh weights from torch's generator."""
        return Normalised(self.build())


def _spectra(net: type[nn.Module], spec: object, bins: int = BINS - 1) -> nn.Module:
    return Spectra(net(spec), StftSpec(N_FFT, HOP, bins, FRAMES))


def _magnitudes(net: type[nn.Module], spec: object) -> nn.Module:
    return Magnitudes(net(spec), n_fft=N_FFT, hop=HOP)


def _samples(net: type[nn.Module], spec: object) -> nn.Module:
    return Samples(net(spec))


_LOW = BandSpec(12, (6, 8, 6), (2, 3, 2), parts=1)
_UMX = {"dim_f": BINS, "bins_read": 743, "lstm_layers": 2}
CONTESTANTS: Mapping[str, Contestant] = {
    "tfc_tdf_v1": Contestant("TFC-TDF-U-Net v1", partial(
        _spectra, TfcTdfV1UNet, TfcTdfV1Spec(BINS, 7, n_layers=2, growth=5), BINS)),
    "tfc_tdf_v2": Contestant("TFC-TDF-U-Net v2", partial(
        _spectra, TfcTdfUNet, TfcTdfSpec(BINS - 1, 7, n_layers=2, growth=8, bottleneck=16))),
    "tfc_tdf_v2_concatenated": Contestant("v2, skips concatenated", partial(
        _spectra, ConcatenatedUNet, TfcTdfSpec(
            BINS - 1, 7, n_layers=2, growth=8, bottleneck=16))),
    "tfc_tdf_v3": Contestant("TFC-TDF-U-Net v3", partial(
        _spectra, TfcTdfV3UNet, TfcTdfV3Spec(
            BINS - 1, 7, n_layers=1, growth=24, width=56, norm="batch", activation="relu")),
        makes=SOURCES),
    "lasaft": Contestant("LaSAFT-Net", partial(
        _spectra, lasaft.Lasaft, lasaft.LasaftSpec(
            BINS, 7, embedding=16, n_layers=2, growth=5, latents=4), BINS),
        makes=lasaft.SOURCES),
    "open_unmix": Contestant("Open-Unmix", partial(
        _magnitudes, open_unmix.OpenUnmix, open_unmix.OpenUnmixSpec(**_UMX, hidden=800))),
    "x_umx": Contestant("X-UMX", partial(
        _magnitudes, x_umx.XUmx, x_umx.XUmxSpec(**_UMX, hidden=800)), makes=x_umx.SOURCES),
    "d3net": Contestant("D3Net", partial(_magnitudes, D3Net, D3NetSpec(
        BINS, 800, 128, _LOW, BandSpec(4, (2, 2, 2), (1, 1, 1), parts=1),
        BandSpec(10, (4, 5, 6, 5, 4), (2, 2, 3, 2, 2), parts=1), final_growth=4, final_layers=2))),
    "mmdenselstm": Contestant("MMDenseLSTM", partial(_magnitudes, MMDense, MMDenseSpec(
        BINS, (DenseBandSpec(190, 8, (5, 5, 5), (3, 3, 3), (0, 32, 0)),
               DenseBandSpec(835, 8, (2, 2, 2), (2, 2, 2), (0, 8, 0))),
        DenseBandSpec(BINS, 4, (3,) * 5, (2,) * 5, (0, 0, 32, 0, 0)), 4, 2, (3, 3), True))),
    "resunet_decouple": Contestant("ResUNetDecouple+", partial(
        _samples, ResUNetDecouple, ResUNetSpec(N_FFT, 1024, (2, 3, 4, 6), 1))),
    "demucs_v2": Contestant("Demucs-v2", partial(
        _samples, demucs.Demucs, demucs.DemucsSpec(channels=22)), makes=demucs.SOURCES),
}  # fmt: skip
