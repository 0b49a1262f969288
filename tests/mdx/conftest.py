"""The small submissions, with all of their files."""

from pathlib import Path

import pytest
import torch
import yaml

from mdx.systems.manifest import int8_name, register_weights
from models.demucs_v2.export import export_demucs
from models.demucs_v2.network import DemucsSpec, random_demucs
from models.export import export_network
from tests.mdx.submissions import DEMUCS, NAMES, SIZES, separator, small
from tests.tiny import TINY, tiny_mixer


@pytest.fixture(scope="session")
def shelf(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that the systems name, and the systems."""
    root = tmp_path_factory.mktemp("shelf")
    for folder, sizes in SIZES.items():
        for source, size in sizes.items():
            path = root / folder / f"{source}.onnx"
            if size == TINY[source]:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes((tiny_system.parent / path.name).read_bytes())
            else:
                # A released file is as torch wrote it, not optimised for runtimes.
                net = separator(folder, source)
                export_network(net, path, shape=(4, size.dim_f, size.dim_t), prepare=False)
            register_weights(root, f"{folder}/{path.name}", made_by="a test")
    matrix = {"linear.weight": torch.from_numpy(tiny_mixer())}
    torch.save(matrix, root / "leaderboard_a" / "mixer.ckpt")
    register_weights(root, "leaderboard_a/mixer.ckpt", made_by="a test")
    for name, seed in DEMUCS.items():
        export_demucs(random_demucs(DemucsSpec(channels=2), seed=seed), root / name)
        register_weights(root, name, made_by="a test")
    for name in NAMES:
        (root / f"{name}.yaml").write_text(yaml.safe_dump(small(name)))
    return root


@pytest.fixture
def stocked(shelf: Path, tmp_path: Path) -> Path:
    """A copy of the shelf with int8 files, which are copies of the float32 ones."""
    root = tmp_path / "stocked"
    for path in shelf.rglob("*.*"):
        if path.is_file():
            copied = root / path.relative_to(shelf)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())
    manifest = yaml.safe_load((root / "manifest.yaml").read_text())
    for name, entry in manifest.items():
        if name.endswith(".onnx"):
            (root / int8_name(name)).write_bytes((root / name).read_bytes())
            register_weights(root, int8_name(name), made_by="a test", parent=entry["sha256"])
    return root
