"""The comparison in miniature: its trainings, its stored results and its table."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import comparison
from benchmarks.comparison import (
    BASE,
    MIXED,
    SEEDS,
    SOURCES,
    VARIANTS,
    Job,
    main,
    plan,
    small_config,
    table,
)  # fmt: skip
from benchmarks.held_out import score, score_with_mixer, write_system
from mdx.systems.find import find_system
from mdx.systems.manifest import register_weights
from models.export import export_network
from models.tfc_tdf import count_parameters
from tests.training.miniature import write_songs


@pytest.mark.parametrize("source", SOURCES)
def test_variants_differ_as_their_names_say(source: str) -> None:
    own, squared, whole, v1 = (small_config(variant, source) for variant in VARIANTS)
    assert (own.loss, squared.loss) == ("l1", "mse")
    assert own.dim_f < own.stft(own.frames).n_bins - 1
    assert whole.dim_f == whole.stft(whole.frames).n_bins - 1 and whole.n_fft == v1.n_fft
    assert (own.architecture, v1.architecture) == ("tfc_tdf_v2", "tfc_tdf_v1")
    sizes = [count_parameters(config.build()) for config in (whole, v1)]
    assert 0.5 < sizes[1] / sizes[0] < 2


def test_every_variant_gets_the_steps_that_the_same_time_buys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [(variant, source) for variant in VARIANTS for source in SOURCES]
    paces = {key: 0.5 * (1 + index) for index, key in enumerate(keys)}
    monkeypatch.setattr(comparison, "measure_pace", lambda: paces)
    jobs = plan(tmp_path, 60)
    assert len(jobs) == len(keys) * len(SEEDS)
    for job in jobs:
        assert job.steps * paces[job.variant, job.source] == pytest.approx(60, abs=2.5)
        assert job.config.validate_every == job.config.steps == job.steps
    monkeypatch.setattr(comparison, "measure_pace", lambda: pytest.fail("measured again"))
    assert plan(tmp_path, 60) == jobs


def test_a_pace_is_measured_for_every_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "VARIANTS", {BASE: {"n_blocks": 3, "growth": 2}})
    monkeypatch.setattr("benchmarks.pace.TIMED", 1)
    paces = comparison.measure_pace()
    assert set(paces) == {(BASE, source) for source in SOURCES} and min(paces.values()) > 0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Songs to train on and songs to test with."""
    write_songs(tmp_path / "data" / "train", samples=60_000)
    write_songs(tmp_path / "data" / "test", 1, samples=60_000)
    return tmp_path / "data"


def test_a_network_is_scored_alone_and_with_a_mixer(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "VARIANTS", {BASE: {"n_blocks": 3, "growth": 2}})
    config = small_config(BASE, "drums")
    weights = tmp_path / "weights"
    export_network(config.build(), weights / "x/drums.onnx", shape=(4, config.dim_f, config.frames))
    register_weights(weights, "x/drums.onnx", made_by="a test")
    system = write_system(weights, "x", {"drums": config})
    spec, _ = find_system(system)
    parts = {part.name: part for part in spec.estimators}
    assert parts["drums"].options["n_fft"] == config.n_fft
    (demo,) = (part for part in find_system("demo_no_mixer")[0].estimators if part.name == "bass")
    assert parts["bass"].weights == "demo/bass.onnx"
    assert parts["bass"].options["n_fft"] == demo.options["n_fft"]
    alone = score(system, data / "test", ("drums",))
    mixed = score_with_mixer(system, data, ("drums",), configs={"drums": config})
    # A network of random weights finds nothing; the Mixer makes up for it from the mixture.
    assert mixed["drums"] > alone["drums"] + 1


def test_the_table_has_means_and_spread() -> None:
    jobs = [Job(BASE, source, 1, 7) for source in SOURCES]
    scores = {
        BASE: {"vocals": [1.0, 2.0, 3.0], "drums": [5.0]},
        MIXED: {key: [4.0] for key in SOURCES},
    }
    *_, base, mixed = table(scores, jobs).splitlines()
    assert base == f"| {BASE} | 2.00 (1.00 to 3.00) | 7 | 5.00 (5.00 to 5.00) | 7 |"
    assert mixed == f"| {MIXED} | 4.00 (4.00 to 4.00) | - | 4.00 (4.00 to 4.00) | - |"


def test_finished_trainings_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out", tmp_path / "train.md"
    page.write_text("<!-- comparison: begin --><!-- comparison: end -->")
    paces = {(variant, source): 60.0 for variant in VARIANTS for source in SOURCES}
    monkeypatch.setattr(comparison, "measure_pace", lambda: paces)
    for job in plan(out / "1", 60):
        path = out / "1" / "results" / f"{job.system}-{job.source}-1.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"sdr": float(job.seed)}))

    def mix(*arguments: Any) -> dict[str, Any]:
        return {MIXED: {key: [9.0] for key in SOURCES}}

    monkeypatch.setattr(comparison, "mix_all", mix)
    monkeypatch.setattr("sys.argv", ["x", "--out", str(out), "--minutes", "1",
                                     "--page", str(page)])  # fmt: skip
    assert main() == 0
    printed = capsys.readouterr().out
    assert printed.count("2.00 (1.00 to 3.00)") == len(VARIANTS) * len(SOURCES)
    assert "9.00" in printed and printed.strip() in page.read_text()


def test_a_folder_without_songs_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SEEDS", (1,))
    monkeypatch.setattr(comparison, "measure_pace", lambda: {(BASE, "drums"): 60.0})
    monkeypatch.setattr("sys.argv", ["x", "--data", str(tmp_path), "--out", str(tmp_path / "out"),
                                     "--jobs", "1"])  # fmt: skip
    with pytest.raises(SystemExit, match=r"^error: .*no song.*$"):
        main()
