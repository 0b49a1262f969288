"""The comparison in miniature: its trainings, its stored results and its table."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import __main__ as command
from benchmarks.comparison import variants
from benchmarks.comparison.__main__ import MIXED, main, table
from benchmarks.comparison.record import Compared, Seed, add, hash_songs, recorded
from benchmarks.comparison.variants import (
    BASE,
    SEEDS,
    SOURCES,
    VARIANTS,
    Steps,
    jobs_of,
    measure_pace,
    plan,
    small_config,
)
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
    monkeypatch.setattr(variants, "measure_pace", lambda: paces)
    steps = plan(tmp_path, 60)
    assert len(steps) == len(keys)
    for job in jobs_of(1, steps):
        assert job.steps * paces[job.variant, job.source] == pytest.approx(60, abs=2.5)
        assert job.config.validate_every == job.config.steps == job.steps
    monkeypatch.setattr(variants, "measure_pace", lambda: pytest.fail("measured again"))
    assert plan(tmp_path, 60) == steps


def test_a_pace_is_measured_for_every_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "VARIANTS", {BASE: {"n_blocks": 3, "growth": 2}})
    monkeypatch.setattr("benchmarks.pace.TIMED", 1)
    paces = measure_pace()
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
    monkeypatch.setattr(variants, "VARIANTS", {BASE: {"n_blocks": 3, "growth": 2}})
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


STEPS: Steps = [(variant, source, 7) for variant in VARIANTS for source in SOURCES]


def seed_of(number: int, sdr: float) -> Seed:
    """The results of a seed in which everything has the same SDR."""
    return Seed(number, STEPS, {name: dict.fromkeys(SOURCES, sdr) for name in (*VARIANTS, MIXED)})


def test_the_table_has_means_and_spread() -> None:
    seeds = [seed_of(1, 1.0), seed_of(2, 2.0), seed_of(3, 4.5)]
    seeds[0].scores[BASE]["drums"] = -1.0
    _, _, base, *_, mixed = table(seeds).splitlines()
    cells = [cell.strip() for cell in base.strip("|").split("|")]
    assert cells == [BASE, "2.50 (1.00 to 4.50)", "7", "1.83 (-1.00 to 4.50)", "7"]
    cells = [cell.strip() for cell in mixed.strip("|").split("|")]
    assert cells == [MIXED, "2.50 (1.00 to 4.50)", "-", "2.50 (1.00 to 4.50)", "-"]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command; each training has one step."""
    paces = {(variant, source): 60.0 for variant in VARIANTS for source in SOURCES}
    monkeypatch.setattr(variants, "measure_pace", lambda: paces)
    monkeypatch.setattr("sys.argv", ["x", "--minutes", "1", *map(str, arguments)])
    return main()


def mix(*arguments: Any) -> dict[str, float]:
    return dict.fromkeys(SOURCES, 9.0)


def test_finished_trainings_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out", tmp_path / "train.md"
    page.write_text("<!-- comparison: begin --><!-- comparison: end -->")
    (out / "1" / "results").mkdir(parents=True)
    for seed in SEEDS:
        for job in jobs_of(seed, STEPS):
            path = out / "1" / "results" / f"{job.system}-{job.source}-1.json"
            path.write_text(json.dumps({"sdr": float(job.seed)}))
    monkeypatch.setattr(command, "mix", mix)
    assert call(monkeypatch, "--out", out, "--page", page) == 0
    printed = capsys.readouterr().out
    assert printed.count("2.00 (1.00 to 3.00)") == len(VARIANTS) * len(SOURCES)
    assert "9.00" in printed and printed.strip() in page.read_text()


def test_a_recorded_seed_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record, data = tmp_path / "record.jsonl", tmp_path / "data"
    (data / "test" / "song").mkdir(parents=True)
    compared = Compared(1.0, hash_songs(data))
    monkeypatch.setattr(command, "PATH", record)
    add(record, Compared(2.0, compared.songs), seed_of(1, 8.0))  # of other minutes
    add(record, compared, seed_of(2, 5.0))
    trained = []

    def run_seed(seed: int, steps: Steps, *_: object) -> dict[str, dict[str, float]]:
        assert [tuple(step) for step in steps] == STEPS  # not those of this machine
        trained.append(seed)
        return seed_of(seed, 2.0).scores

    monkeypatch.setattr(command, "run_seed", run_seed)
    arguments = ["--out", tmp_path / "out", "--data", data, "--record"]
    assert call(monkeypatch, *arguments) == 0
    assert trained == [1, 3] and [it.seed for it in recorded(record, compared)] == [2, 1, 3]
    first = capsys.readouterr().out
    assert "3.00 (2.00 to 5.00)" in first and "8.00" not in first
    assert call(monkeypatch, *arguments) == 0
    assert trained == [1, 3] and capsys.readouterr().out == first


def test_a_seed_is_recorded_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record.jsonl"
    monkeypatch.setattr(command, "PATH", record)

    def run_seed(seed: int, *_: object) -> dict[str, dict[str, float]]:
        if seed == 2:
            raise KeyboardInterrupt
        return seed_of(seed, 2.0).scores

    monkeypatch.setattr(command, "run_seed", run_seed)
    arguments = ["--out", tmp_path / "out", "--data", tmp_path, "--record"]
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *arguments)
    assert stop.value.code == 130
    (seed,) = recorded(record, Compared(1.0, hash_songs(tmp_path)))
    assert (seed.seed, seed.scores) == (1, seed_of(1, 2.0).scores)


def test_songs_are_told_apart_by_how_they_were_composed(tmp_path: Path) -> None:
    facts = tmp_path / "test" / "song" / "song.json"
    facts.parent.mkdir(parents=True)
    hashes = [hash_songs(tmp_path)]
    for text in ("{}", '{"tempo": 90}'):
        facts.write_text(text)
        hashes.append(hash_songs(tmp_path))
    (facts.parent / "mixture.wav").write_bytes(b"of any CPU")
    assert len(set(hashes)) == 3 and hash_songs(tmp_path) == hashes[-1]


def test_a_folder_without_songs_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SEEDS", (1,))
    with pytest.raises(SystemExit, match=r"^error: .*no song.*$"):
        call(monkeypatch, "--data", tmp_path, "--out", tmp_path / "out", "--jobs", "1")
