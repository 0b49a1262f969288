"""D3Net's released HDF5 files: one a source, whose names begin with it.

nnabla's kernels are (outputs, inputs, T, F) as our network's; a BatchNorm's arrays have axes for
the whole input. Scopes that only group layers have no module of ours.
"""

import re

from models.architectures import ARCHITECTURES
from models.checkpoints.names import renamed
from models.checkpoints.read import State
from models.d3net import D3NetSpec

MARKS = (
    "/out_gate/conv_gate/conv/conv/W",
    "/dense_full/bottleneck_block/initial_block/initial_layer/bottleneck/conv1/conv/W",
)

LEAVES = {
    "bn/beta": "bias",
    "bn/gamma": "weight",
    "bn/mean": "running_mean",
    "bn/var": "running_var",
    "conv/W": "weight",
    "conv/b": "bias",
    "deconv/W": "weight",
    "deconv/b": "bias",
}
# Replacements of the file's scopes by our names, in this order.
SCOPES = (
    (r"^features_init/0/", "low/features_init/"),
    (r"^features_init/1/", "middle/features_init/"),
    (r"^features_init_full/", "dense_full/features_init/"),
    (r"^dense_band/0/", "low/"),
    (r"^dense_band/1/", "middle/"),
    (r"^match_fm_conv/1/norm/", "match_fm_conv/0/"),
    (r"^match_fm_conv/1/conv/", "match_fm_conv/1/"),
    (r"^out_gate/(conv_\w+)/conv/", r"out_gate/\1/"),
    (r"ds_layers/dense_block(\d+)/", r"ds_layers/\1/"),
    (r"us_layers/upsample(\d+)/upsample/", r"upsamples/\1/"),
    (r"/bottleneck/", "/"),
)
# Arrays with axes for the whole input, of which one is longer than 1.
VECTORS = re.compile(r"/bn/\w+$|^\w+/(in|decode)_\w+$")


def spec_of(state: State) -> D3NetSpec:
    """The published size for a file's source; the default for any other name."""
    source = next(iter(state)).split("/")[0]
    published = ARCHITECTURES["d3net"]
    spec: D3NetSpec = published.sizes.get(source, published.spec)
    return spec


def weights_of(state: State) -> State:
    """The network's weights; names that are not D3Net's are kept."""
    levels = _levels(state)
    return {
        _name(name.split("/", 1)[-1], levels): value.flatten() if VECTORS.search(name) else value
        for name, value in state.items()
    }


def _levels(state: State) -> dict[str, int]:
    # Blocks of a decoder are numbered after the encoder's and the middle one.
    count: dict[str, int] = {}
    for name in state:
        if found := re.search(r"/(dense_band/\d+|dense_full)/ds_layers/dense_block(\d+)/", name):
            count[found[1]] = max(count.get(found[1], 0), int(found[2]) + 1)
    return count


def _name(name: str, levels: dict[str, int]) -> str:
    def decoder(found: re.Match[str]) -> str:
        """The name of a decoder's block, counted from the middle."""
        return f"{found[1]}/us_layers/{int(found[2]) - levels.get(found[1], 0) - 1}/"

    name = re.sub(r"^(dense_band/\d+|dense_full)/us_layers/dense_block(\d+)/", decoder, name)
    name = renamed(name, SCOPES)
    name = re.sub(r"/layer(\d+)/", lambda found: f"/{int(found[1]) - 1}/", name)
    for leaf, ours in LEAVES.items():
        if name.endswith(f"/{leaf}"):
            name = f"{name.removesuffix(leaf)}{ours}"
            break
    return name.replace("/", ".")
