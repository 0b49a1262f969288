"""Open-Unmix's released files: a state dict a source, whose names our network has."""

from models.checkpoints.read import State
from models.open_unmix import OpenUnmixSpec

MARKS = ("fc1.weight", "bn3.running_var", "output_scale")
# Files of the first release also contain buffers that the later front end has in code.
FRONT_END = ("stft.window", "transform.0.window", "sample_rate")


def spec_of(state: State) -> OpenUnmixSpec:
    """The size of a checkpoint; values that it lacks are assumed as published."""
    published = OpenUnmixSpec()
    sizes = {name: len(value) for name, value in state.items() if value.ndim}
    layers = {name for name in state if name.startswith("lstm.weight_ih_l")}
    return OpenUnmixSpec(
        dim_f=sizes.get("output_mean", published.dim_f),
        bins_read=sizes.get("input_mean", published.bins_read),
        hidden=sizes.get("bn1.weight", published.hidden),
        lstm_layers=len(layers) // 2 or published.lstm_layers,
    )


def weights_of(state: State) -> State:
    """The network's weights: all but the front end's."""
    return {name: value for name, value in state.items() if name not in FRONT_END}
