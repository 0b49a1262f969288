"""X-UMX's released state dict: one file for the four sources, whose names our network has."""

from models.checkpoints.read import State
from models.x_umx import XUmxSpec

MARKS = ("layer_enc.bass.enc.0.weight", "mean_scale.input_mean_bass")
FRONT_END = ("encoder.0.window", "decoder.window")  # buffers of the STFT, which we have in code


def spec_of(state: State) -> XUmxSpec:
    """The size of a checkpoint; values that it lacks are assumed as published."""
    published = XUmxSpec()
    sizes = {name: len(value) for name, value in state.items() if value.ndim}
    layers = {name for name in state if name.startswith("layer_lstm.bass.weight_ih_l")}
    return XUmxSpec(
        dim_f=sizes.get("mean_scale.output_mean_bass", published.dim_f),
        bins_read=sizes.get("mean_scale.input_mean_bass", published.bins_read),
        hidden=sizes.get("layer_enc.bass.enc.1.weight", published.hidden),
        lstm_layers=len(layers) // 2 or published.lstm_layers,
    )


def weights_of(state: State) -> State:
    """The network's weights: all but the front end's."""
    return {name: value for name, value in state.items() if name not in FRONT_END}
