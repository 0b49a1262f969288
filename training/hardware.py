"""The hardware of a training, checked in advance."""

from dataclasses import dataclass

import torch

from mdx.errors import ConfigError
from mdx.machine import available_cpus, has_bf16


@dataclass(frozen=True)
class Hardware:
    """Devices of this machine, machines that train together, and processes that read examples."""

    accelerator: str = "auto"  # cpu or gpu; auto: gpu if there is one
    devices: int = 1  # on every machine, each with its own process
    nodes: int = 1
    workers: int = 0  # processes per device that make examples; 0: made between the steps
    resident: bool = False  # whether songs are in the device's memory, where examples are made

    def __post_init__(self) -> None:
        if self.devices > self.available:
            raise ConfigError(
                "devices", got=self.devices, expected=f"at most {self.available}, those there are",
                hint="--accelerator cpu does without GPUs" if self.kind == "gpu" else "",
            )  # fmt: skip
        if self.resident and (self.workers or self.processes > 1):
            raise ConfigError(
                "resident", got=f"{self.workers} workers, {self.processes} devices",
                expected="no workers and one device",
            )  # fmt: skip
        for key, least in (("devices", 1), ("nodes", 1), ("workers", 0)):
            if getattr(self, key) < least:
                raise ConfigError(key, got=getattr(self, key), expected=f"at least {least}")

    @property
    def kind(self) -> str:
        """`accelerator`, resolved to cpu or gpu."""
        if self.accelerator != "auto":
            return self.accelerator
        return "gpu" if torch.cuda.is_available() else "cpu"

    @property
    def device(self) -> torch.device:
        """The torch device of a single process."""
        return torch.device("cuda" if self.kind == "gpu" else "cpu")

    @property
    def available(self) -> int:
        """The number of devices of this kind on this machine."""
        return torch.cuda.device_count() if self.kind == "gpu" else available_cpus()

    @property
    def precision(self) -> str:
        """The fastest training precision here, as named in a SeparatorConfig."""
        fast = torch.cuda.is_bf16_supported() if self.kind == "gpu" else has_bf16()
        return "bf16-mixed" if fast else "32-true"

    @property
    def processes(self) -> int:
        """The number of processes on all machines."""
        return self.devices * self.nodes

    def share(self, batch: int) -> int:
        """Examples of a batch for each process; raises ConfigError if they do not divide evenly."""
        if batch % self.processes:
            raise ConfigError(
                "batch", got=f"{batch} examples for {self.processes} processes",
                expected="a multiple: a batch is split among all of them",
            )  # fmt: skip
        return batch // self.processes
