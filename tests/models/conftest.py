"""Files on a server, and a network to describe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdx.systems.spec import SOURCES
from models.fetch import download as download_module
from tests.models.describing import network
from tests.models.downloading import CONTENT
from tests.models.released_files import CHECKPOINT, MIXER, NETS, digest, zipped
from tests.models.shelf import Shelf, serve


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server with everything that the system needs."""
    for name in ("http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download_module, "WAITS", ())
    with serve() as shelf:
        nets = {f"nets/{source}.onnx": content for source, content in NETS.items()}
        shelf.files["/nets.zip?download=1"] = zipped(nets)
        shelf.files["/mixer.ckpt"] = MIXER
        shelf.files["/demucs.th"] = CHECKPOINT
        yield shelf


@pytest.fixture
def system(shelf: Shelf, tmp_path: Path) -> Path:
    """The YAML of a system whose files are all on the server, four of them in one zip."""
    folder = tmp_path / "system"
    folder.mkdir()
    spec = {
        "name": "mine",
        "description": "files at a server",
        "training_data": [],
        "leaderboard": "none",
        "estimators": [
            *(
                {
                    "kind": "spectrogram", "makes": [source], "weights": f"mine/{source}.onnx",
                    "n_fft": 512, "hop": 64,
                }
                for source in NETS
            ),
            {
                "kind": "waveform", "name": "demucs", "makes": list(SOURCES),
                "weights": "other/demucs.onnx",
            },
        ],
        "combine": [
            {"kind": "mixer", "weights": "mine/mixer.ckpt"},
            {"kind": "blend", "estimator": "demucs", "shares": dict.fromkeys(SOURCES, 0.5)},
        ],
    }  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(spec))
    url = f"{shelf.root}/nets.zip?download=1"
    manifest: dict[str, dict[str, Any]] = {
        f"mine/{source}.onnx": {
            "sha256": digest(content), "bytes": len(content), "url": url,
            "member": f"{source}.onnx", "licence": "free",
        }
        for source, content in NETS.items()
    }  # fmt: skip
    manifest["mine/mixer.ckpt"] = {"sha256": digest(MIXER), "url": f"{shelf.root}/mixer.ckpt"}
    manifest["other/demucs.th"] = {
        "sha256": digest(CHECKPOINT)[:8], "url": f"{shelf.root}/demucs.th", "made_by": "them",
        "becomes": "other/demucs.onnx",
    }  # fmt: skip
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return folder / "mine.yaml"


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """A network of 2048 bins and 256 frames."""
    path = tmp_path / "found.onnx"
    path.write_bytes(network())
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server with one file, and retries without waiting."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download_module, "WAITS", (0.0, 0.0))
    with serve() as shelf:
        shelf.files["/net"] = CONTENT
        yield shelf


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "net.part"
