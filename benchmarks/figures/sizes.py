"""The configuration of v1 and v2 side by side: every number is read from a spec, or counted."""

from benchmarks.full_size import DIM_F, N_FFT
from evaluator.tables import markdown_table
from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet, count_parameters
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet


def sizes_table() -> str:
    """The table in Markdown."""
    first, second = TfcTdfV1Spec(), TfcTdfSpec(dim_f=DIM_F)
    (v1,) = find_system("tfc_tdf_v1")[0].estimators
    v2 = {part.name: part for part in find_system("mdx_net")[0].estimators}
    assert {name: part.options["n_fft"] for name, part in v2.items()} == N_FFT
    frames = {part.options["dim_t"] for part in v2.values()}
    rows = [
        ["n_fft", f"{v1.options['n_fft']:,}",
         ", ".join(f"{source} {N_FFT[source]:,}" for source in SOURCES)],
        ["bins of the network", f"{first.dim_f:,}, all", f"{second.dim_f:,}, the lowest"],
        ["frames of a chunk", f"{v1.options['dim_t']}", ", ".join(map(str, sorted(frames)))],
        ["hop", f"{v1.options['hop']:,}",
         ", ".join(f"{hop:,}" for hop in sorted({part.options['hop'] for part in v2.values()}))],
        ["blocks", f"{first.n_blocks}", f"{second.n_blocks}"],
        ["convolutions of a TFC", f"{first.n_layers}, densely connected",
         f"{second.n_layers}, in a chain"],
        ["channels", f"{first.growth} on every level",
         f"{second.growth} more on every level, {second.growth * (second.n_levels + 1)} at most"],
        ["a TDF reduces bins by", f"{first.bottleneck}", f"{second.bottleneck}"],
        ["skips", "concatenated", "multiplied"],
        ["parameters of a source", f"{count_parameters(TfcTdfV1UNet(first)):,}",
         f"{count_parameters(TfcTdfUNet(second)):,}"],
    ]  # fmt: skip
    return markdown_table(["", "v1", "v2"], rows)
