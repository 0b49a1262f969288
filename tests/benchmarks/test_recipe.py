"""The recipe's choices, one at a time: configurations, trainings, stored results and the table."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import recipe
from benchmarks.recipe import (
    BASE,
    PLAIN,
    VARIANTS,
    Training,
    configs_of,
    main,
    means,
    plan,
    table,
    train,
)
from mdx.systems.spec import SOURCES
from models.tfc_tdf import TfcTdfSpec
from models.tfc_tdf_v3 import TfcTdfV3Spec
from tests.training.miniature import V3, write_songs
from training.config import ALL, SeparatorConfig
from training.fit import fit


def flat(config: SeparatorConfig) -> dict[str, object]:
    """All values of a configuration, with those of `data` beside them."""
    values = asdict(config)
    data = values.pop("data")
    return {**values, **{f"data.{key}": value for key, value in data.items()}}


def minute_each(variants: list[str]) -> dict[Training, float]:
    """A pace of one step in a minute, in place of a measured one."""
    return {(name, source): 60.0 / len(configs_of(name)) for name in variants
            for source in configs_of(name)}  # fmt: skip


ONE_NETWORK = [name for name, changes in VARIANTS.items() if "v2" not in changes]
SEVERAL = [name for name in VARIANTS if name not in ONE_NETWORK]


@pytest.mark.parametrize("variant", [name for name in ONE_NETWORK if name != BASE])
def test_every_variant_changes_one_thing(variant: str) -> None:
    base, changed = flat(configs_of(BASE)[ALL]), flat(configs_of(variant)[ALL])
    differing = {key for key in base if base[key] != changed[key]}
    other_songs = variant == PLAIN or "songs" in VARIANTS[variant]
    assert len(differing) == (0 if other_songs else 1), differing
    assert len(VARIANTS[variant]) == (variant != PLAIN)


@pytest.mark.parametrize("variant", SEVERAL)
def test_networks_of_one_stem_differ_only_in_their_size(variant: str) -> None:
    base, configs = flat(configs_of(BASE)[ALL]), configs_of(variant)
    sizes = {"architecture", "n_fft", "hop", "dim_f", "frames", *(
        field.name for kind in (TfcTdfSpec, TfcTdfV3Spec) for field in fields(kind)
    ), "sources", "steps", "validate_every"}  # fmt: skip
    assert list(configs) == list(SOURCES)
    for config in configs.values():
        assert config.architecture == "tfc_tdf_v2" and config.growth == VARIANTS[variant]["v2"]
        changed = flat(config)
        assert {key for key in base if base[key] != changed[key]} <= sizes


def test_networks_make_all_frequencies_that_they_are_scored_on() -> None:
    for variant in VARIANTS:
        assert all(config.first_bin == 0 for config in configs_of(variant).values())


def test_variants_get_the_steps_that_the_same_time_buys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[list[str]] = []
    slower = 1.0

    def pace(variants: list[str]) -> dict[Training, float]:
        measured.append(variants)
        networks = [(name, source) for name in variants for source in configs_of(name)]
        return {key: slower * (1.5 if key[1] == "drums" else 0.5) for key in networks}

    monkeypatch.setattr(recipe, "measure_pace", pace)
    assert plan(tmp_path, 60, [BASE]) == {(BASE, ALL): 120}
    slower = 2.0  # at another moment
    several = {(SEVERAL[0], name): 10 if name == "drums" else 30 for name in SOURCES}
    assert plan(tmp_path, 60, [BASE, SEVERAL[0]]) == {(BASE, ALL): 120, **several}
    assert plan(tmp_path, 60, [SEVERAL[0]]) == several
    assert measured == [[BASE], [BASE, SEVERAL[0]]]


def test_another_configuration_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [recipe.key_of((name, source)) for name in VARIANTS for source in configs_of(name)]
    assert len(set(keys)) == len(keys)
    monkeypatch.setitem(recipe.VARIANTS, SEVERAL[0], {"v2": 64})
    changed = [recipe.key_of((SEVERAL[0], source)) for source in SOURCES]
    assert not set(changed) & set(keys)


def test_a_training_ends_with_a_score_for_each_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def note(config: SeparatorConfig, source: str, songs: list[object], *rest: object,
             **options: object) -> float:  # fmt: skip
        used.append(len(songs))
        return fit(config, source, songs, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe, "fit", note)
    monkeypatch.setattr(recipe, "configs_of", lambda variant: {ALL: replace(V3, held_out=4)})
    data = write_songs(tmp_path / "data", 8, samples=60_000)
    tests = [write_songs(tmp_path / name, 1, samples=60_000) for name in ("one", "two")]
    scores = train((BASE, ALL), 2, data, tests, tmp_path / "out")
    assert len(scores) == 2 and all(-60 < score < 60 for score in scores)
    again = train((BASE, ALL), 2, data, tests, tmp_path / "out")  # finished: only scored
    assert again == pytest.approx(scores)
    train(("half of the songs", ALL), 2, data, tests[:1], tmp_path / "out")
    assert used[2] == pytest.approx(used[0] / 2, abs=0.5)


def test_the_table_shows_differences_to_the_configuration() -> None:
    done = {BASE: [1.0, 2.0], "batch of 8": [1.5, 1.75]}
    steps = {(BASE, ALL): 10, ("batch of 8", "bass"): 2, ("batch of 8", "drums"): 3}
    *_, base, batch = table(done, steps, 2).splitlines()
    assert [cell.strip() for cell in base.split("|")[1:-1]] == [
        BASE, "10", "1.00", "+0.00", "2.00", "+0.00",
    ]  # fmt: skip
    assert [cell.strip() for cell in batch.split("|")[1:-1]][2:] == [
        "1.50", "+0.50", "1.75", "-0.25",
    ]  # fmt: skip
    assert "1.75" not in table(done, steps, 1)


def test_a_variant_is_the_mean_of_its_networks() -> None:
    done = {(BASE, ALL): [1.0, 2.0], ("v2", "bass"): [2.0, 4.0], ("v2", "drums"): [3.0, 4.5]}
    assert means(done) == {BASE: [1.0, 2.0], "v2": [2.5, 4.25]}


def test_songs_without_packs_are_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: dict[str, Path] = {}

    def note(
        jobs: dict[Training, partial[list[float]]], workers: int
    ) -> Iterator[tuple[Training, Any]]:
        for training, job in jobs.items():
            planned[training[0]] = job.args[2]
            yield training, [1.0]

    monkeypatch.setattr(recipe, "measure_pace", minute_each)
    monkeypatch.setattr(recipe, "train_all", note)
    words = ["x", "--data", "with", "--test", "a", "--minutes", "1", "--only", "batch of 8"]
    monkeypatch.setattr("sys.argv", [*words, "--out", str(tmp_path / "one")])
    assert main() == 0
    assert planned == {BASE: Path("with"), "batch of 8": Path("with")}
    monkeypatch.setattr(
        "sys.argv", [*words, "--out", str(tmp_path / "two"), "--plain", "without", "--only", PLAIN]
    )
    assert main() == 0
    assert planned == {BASE: Path("with"), "batch of 8": Path("with"), PLAIN: Path("without")}


@pytest.mark.parametrize("plain", [[], ["--plain", "b"]])
def test_finished_trainings_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    plain: list[str],
) -> None:  # fmt: skip
    out, page = tmp_path / "out", tmp_path / "train.md"
    page.write_text("<!-- recipe: begin --><!-- recipe: end -->")
    monkeypatch.setattr(recipe, "measure_pace", minute_each)
    for index, training in enumerate(plan(out, 60, list(VARIANTS))):
        path = recipe._result(out, training, 1)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([1.0 + index, 7.77]))  # the same for all of several networks
    words = ["x", "--data", "none", "--test", "a", "--test", "b", "--out", str(out),
             "--minutes", "1", "--page", str(page), *plain]  # fmt: skip
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0
    printed = capsys.readouterr().out
    assert printed.count("7.77") == len(VARIANTS) - (not plain) and "+1.00" in printed
    assert "+1.00" in page.read_text() and "7.77" not in page.read_text()


def test_a_page_gets_only_the_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "train.md"
    page.write_text("<!-- recipe: begin --><!-- recipe: end -->")
    words = ["x", "--data", "a", "--test", "b", "--only", "batch of 8", "--page", str(page)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit, match="2"):
        main()


def test_a_folder_without_songs_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "measure_pace", minute_each)
    words = ["x", "--data", str(tmp_path), "--test", "a", "--out", str(tmp_path / "out"),
             "--jobs", "1", "--minutes", "1", "--only", BASE]  # fmt: skip
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit, match=r"^error: .*no song.*$"):
        main()
