"""The checks of a training's hardware."""

from typing import Any

import pytest
import torch

from mdx.errors import ConfigError
from mdx.machine import available_cpus
from training.hardware import Hardware


def test_hardware_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=rf"devices: got 999, expected at most {available_cpus()}"
    ):
        Hardware("cpu", devices=999)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="at most 0, those there are; --accelerator cpu"):
            Hardware("gpu")
        assert Hardware("auto").kind == "cpu"
    wrong: list[dict[str, Any]] = [{"devices": -1}, {"nodes": -1}, {"workers": -1}]
    for values in wrong:
        with pytest.raises(ConfigError, match=rf"{next(iter(values))}: got -1"):
            Hardware("cpu", **values)
    with pytest.raises(ConfigError, match="resident: got 2 workers, 1 devices"):
        Hardware("cpu", workers=2, resident=True)
    with pytest.raises(ConfigError, match="4 examples for 3 processes"):
        Hardware("cpu", nodes=3).share(4)
    assert Hardware("cpu", nodes=2).share(4) == 2
