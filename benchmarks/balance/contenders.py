"""The compared systems: the published result of each, and how it was run for that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from evaluator.published import read_published
from mdx.systems.spec import SOURCES

METRIC, TEST_SETS = "sdr_median_of_frames", ("MUSDB18 test", "MUSDB18-HQ test")
# Options that make a network compute a sample more than once, with their minimum values.
ONE_PASS: Mapping[str, Any] = {"overlap": 0, "flip": False, "shifts": 0}


@dataclass(frozen=True)
class Contender:
    """One system of models/systems."""

    title: str
    row: str | None = None  # its row in evaluator/published.yaml; None: no result was published
    options: Mapping[str, Any] = field(default_factory=dict)  # of the published run, not the YAML's
    precisions: tuple[str, ...] = ("float32",)
    one_pass: Mapping[str, Any] = field(default_factory=dict)  # options besides ONE_PASS


OURS = ("float32", "bf16", "int8")
CONTENDERS: Mapping[str, Contender] = {
    "mdx_net_no_mixer": Contender("TFC-TDF-U-Net v2", "TFC-TDF-U-Net v2", precisions=OURS),
    "mdx_net": Contender("v2 + Mixer", "TFC-TDF-U-Net v2 + Mixer", precisions=OURS),
    "leaderboard_a": Contender("KUIELab-MDX-Net", "KUIELab-MDX-Net", precisions=OURS),
    "tfc_tdf_v1": Contender("TFC-TDF-U-Net v1", "TFC-TDF-U-Net v1"),
    "x_umx": Contender("X-UMX", "X-UMX"),
    # The row is a mean over ten shifts; the YAML has none, like Demucs' command line.
    "demucs_v2": Contender("Demucs-v2", "Demucs-v2", options={"shifts": 10}),
    # Patches of 256 and of 384 frames without overlap.
    "d3net": Contender("D3Net", "D3Net", one_pass={"segment": 1536}),
    "resunet_decouple": Contender("ResUNetDecouple+", "ResUNetDecouple+"),
    # The rows are of a test without overlap; the YAMLs have that of the authors' separation.
    "lasaft_large": Contender(
        "LaSAFT-Net, large", "LaSAFT-GPoCM-Net of n_fft 4096", options={"overlap": 0}
    ),
    "lasaft_light": Contender(
        "LaSAFT-Net, light", "LaSAFT-GPoCM-Net of n_fft 2048", options={"overlap": 0}
    ),
    "open_unmix": Contender("Open-Unmix", "Open-Unmix (UMX-HQ)"),
    "mmdenselstm": Contender("MMDenseLSTM", "MMDenseLSTM"),
    "mmdensenet": Contender("MMDenseNet"),
    "tfc_tdf_v3": Contender("TFC-TDF-U-Net v3"),
}


@dataclass(frozen=True, order=True)
class Run:
    """One way of running a system."""

    system: str
    way: str  # "published" or "one pass"
    precision: str

    def __str__(self) -> str:
        return f"{self.system}, {self.way}, {self.precision}"


def runs_of(system: str, options: Mapping[str, Any]) -> list[Run]:
    """All ways of running a system whose estimators have these options in its YAML.

    One pass is included in float32 if it differs from the published way.
    """
    contender = CONTENDERS[system]
    published = {**options, **contender.options}
    single = any(published.get(key, least) != least for key, least in ONE_PASS.items())
    published_runs = [Run(system, "published", name) for name in contender.precisions]
    return [*published_runs, *([Run(system, "one pass", "float32")] if single else [])]


def published_sdr(system: str) -> float | None:
    """The published mean SDR of a system over the four sources, in dB.

    It is the paper's metric (median over frames, then songs) on the test set of MUSDB18, or of
    MUSDB18-HQ where nothing else was published.
    """
    wanted = CONTENDERS[system].row
    for table in read_published().tables:
        if table.metric == METRIC and table.test_set in TEST_SETS:
            for row in table.rows:
                values = [row.values[source] for source in SOURCES]
                if row.name == wanted and None not in values:
                    return mean(value for value in values if value is not None)
    return None
