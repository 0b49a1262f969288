"""ResUNetDecouple+'s released weights: a state dict a source under "model".

Its InPlaceABN layers scale by |gamma| + epsilon, a BatchNorm by gamma: what training left negative
has to become positive, or the output is wrong without a sign of it.
"""

from torch import Tensor

from models.checkpoints.names import Replacement, count, renamed
from models.checkpoints.read import State
from models.resunet import ResUNetSpec

MARKS = ("encoder_block1.conv_block1.conv1.weight", "after_conv2.weight", "bn0.running_var")
FRONT_END = ("stft.", "istft.")  # DFT matrices, which we have in code
EPSILON = 1e-5  # that InPlaceABN adds to |gamma|

NAMES: tuple[tuple[str, Replacement], ...] = (
    (r"^encoder_block(\d+)\.", lambda found: f"encoders.{int(found[1]) - 1}."),
    (r"^conv_block\d+([a-z])\.", lambda found: f"middle.{ord(found[1]) - ord('a')}."),
    (r"^decoder_block(\d+)\.", lambda found: f"decoders.{int(found[1]) - 1}."),
    # A decoder's first layer is its transposed convolution: its blocks are numbered from 2.
    (
        r"^(decoders\.\d+)\.conv_block(\d+)\.",
        lambda found: f"{found[1]}.conv_blocks.{int(found[2]) - 2}.",
    ),
    (r"\.conv_block(\d+)\.", lambda found: f".conv_blocks.{int(found[1]) - 1}."),
    (r"\.bn2\.", lambda _: ".abn2."),  # the name of a plain BatchNorm in later versions of the code
)


def spec_of(state: State) -> ResUNetSpec:
    """The size of a checkpoint; the hop is in no weight, and is taken to be as published."""
    widths: list[int] = []
    while (first := f"encoder_block{len(widths) + 1}.conv_block1.conv1.weight") in state:
        widths.append(len(state[first]))
    return ResUNetSpec(
        n_fft=2 * (len(state["bn0.running_var"]) - 1),
        widths=tuple(widths),
        middle=count(state, r"^conv_block\d+([a-z])\."),
        channels=state["encoder_block1.conv_block1.conv1.weight"].shape[1],
    )


def weights_of(state: State) -> State:
    """The network's weights by its names, with the scales that InPlaceABN uses."""
    return {
        renamed(name, NAMES): _scale(name, value)
        for name, value in state.items()
        if not name.startswith(FRONT_END)
    }


def _scale(name: str, value: Tensor) -> Tensor:
    return value.abs() + EPSILON if name.endswith(".abn2.weight") else value
