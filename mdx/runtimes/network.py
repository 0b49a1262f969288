"""The network protocol: a loaded network as estimators see it, whatever runs it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mdx.systems.spec import Audio

FLOAT32 = "tensor(float)"


class End(NamedTuple):
    """An input or output of a graph."""

    name: str
    kind: str  # element type, in onnxruntime's notation
    shape: Sequence[int | str | None]  # anything but an int is not fixed

    def __str__(self) -> str:
        return f"{self.name} {self.kind} {list(self.shape)}"


class Network(Protocol):
    """A network with one input and one output, which several threads may call at once."""

    input: End
    output: End
    runtime: str  # onnxruntime or OpenVINO, its version and its device
    precision: str

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Run the network, into `out` if given. Shapes: those of its input and output."""
        ...


class PolarityAverage:
    """Polarity averaging, the mean of f(x) and -f(-x): twice the work, somewhat better."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.input, self.output = network.input, network.output
        self.runtime, self.precision = network.runtime, network.precision

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Like the network itself; only the call for f(x) uses `out`."""
        opposite = None if out is None else np.empty_like(out)
        found = self._network(values, out)
        mean: Audio = np.float32(0.5) * (found - self._network(-values, opposite))
        return mean
