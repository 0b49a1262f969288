"""What torch reaches on the device: in a matrix product, in the paper's network, in training."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.sizes import training_config
from benchmarks.gpu.task import BATCHES, Figures, Task, call_seconds, named
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfUNet


def products(task: Task) -> Figures:
    """A large matrix product in torch: what can be reached at all."""
    side, found = task.size.side, Figures()
    for precision, kind in (("bf16", torch.bfloat16), ("tf32", torch.float32)):
        _allow_tf32()
        matrix = torch.randn(side, side, device=task.device.kind).to(kind)
        seconds = call_seconds(task, lambda: matrix @ matrix)  # noqa: B023
        found |= named(precision, task.speed(2 * side**3, seconds, precision))
    return found


def torch_network(task: Task) -> Figures:
    """The paper's network in torch, in evaluation mode."""
    size, found = task.size, Figures()
    _allow_tf32()
    network = randomise(TfcTdfUNet(size.network), seed=0).to(task.device.kind)
    for precision in ("tf32", "bf16"):
        for batch in BATCHES:
            shape = (batch, size.network.channels, size.network.dim_f, size.frames)
            chunks = torch.randn(shape, device=task.device.kind)

            def run() -> None:
                """One call."""
                kind, fast = task.device.kind, precision == "bf16"  # noqa: B023
                with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=fast):
                    network(chunks)  # noqa: B023

            with FlopCounterMode(display=False) as counter:
                run()
            seconds = call_seconds(task, run)
            rate = task.speed(counter.get_total_flops(), seconds, precision)
            found |= named(f"{precision}, {batch} a call", {"s a chunk": seconds / batch, **rate})
    return found


def training(task: Task, *, name: str) -> Figures:
    """Steps of one of the repository's configurations, whose examples are noise in place."""
    from training.gpu import find_gradients, measure_pace  # Lightning takes seconds to import
    from training.module import SeparatorModule

    config = training_config(name, task.size, task.device.kind)
    device = torch.device(task.device.kind)
    module = SeparatorModule(config, scale=1.0).to(device)
    with FlopCounterMode(display=False) as counter:
        find_gradients(module, device)
    del module
    seconds = measure_pace(config, device)
    precision = "bf16" if config.precision == "bf16-mixed" else "tf32"
    return {
        "examples in a step": config.batch, "steps a second": 1 / seconds,
        **task.speed(counter.get_total_flops(), seconds, precision),
    }  # fmt: skip


def _allow_tf32() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
