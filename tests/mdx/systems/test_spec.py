"""Systems as YAML: valid ones, and errors for others."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from mdx.errors import ConfigError
from mdx.limit.policy import find_limit
from mdx.separator import Separator
from mdx.systems.find import SYSTEMS, find_system, read_system, system_names
from mdx.systems.mappings import read_mapping
from mdx.systems.spec import folder_name
from tests.tiny import edit_system, noise


def test_every_included_system_is_valid_and_has_its_file_s_name() -> None:
    assert "demo" in system_names()
    for name in system_names():
        spec, _ = find_system(name)
        assert spec.name == name


def test_the_yaml_of_an_included_system_has_the_same_weights_as_its_name() -> None:
    assert find_system(SYSTEMS / "demo.yaml") == find_system("demo")


def test_a_misspelt_system_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"; did you mean open_unmix\? or give the path"):
        find_system("openunmix")


def test_unknown_system_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"got 'nosuch', expected one of .*demo, demo_no_mixer"):
        find_system("nosuch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"licence": 3}, "licence: got 3, expected of type str"),
        ({"leaderboard": "C"}, "leaderboard: got C"),
        ({"name": "../x"}, r"name: got '\.\./x', expected the name of one folder"),
        ({"estimators": []}, "estimators"),
        ({"estimators": None}, "estimators"),
        ({"estimators": ["bass"]}, "estimators"),
        ({"estimators": [{"makes": ["bass"]}]}, "the key 'kind'"),
        ({"estimators": [{"kind": "spectrogram"}]}, "the stems that it makes"),
        ({"estimators": [{"kind": "spectrogram", "makes": "bass"}]}, "makes: .*a list of names"),
        ({"stems": ["bass", "bass"]}, "stems"),
        ({"stems": ["../x"]}, r"stems: got '\.\./x', expected the name of one folder"),
        ({1: 2}, "unknown key '1'"),
    ],
)
def test_a_wrong_system_is_refused(
    tiny_copy: Path, change: dict[object, object], message: str
) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    tiny_copy.write_text(yaml.safe_dump(system | change))
    with pytest.raises(ConfigError, match=message):
        read_system(tiny_copy)


@pytest.mark.parametrize("limit", ["240", "fixed:240", 240, 240.0])
def test_a_limit_may_be_a_plain_number_of_seconds(tiny_copy: Path, limit: object) -> None:
    edit_system(tiny_copy, {"limit": limit})
    found = find_limit(None, read_system(tiny_copy).limit)
    assert found is not None and found.seconds(10.0) == 240


def test_a_missing_option_is_named(tiny_copy: Path) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    del system["estimators"][0]["n_fft"]
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match=r"got no key 'n_fft', expected n_fft$"):
        Separator.load(tiny_copy)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nfft", 4096, "unknown key 'nfft'"),
        ("n_fft", "4096", "n_fft: got '4096', expected of type int"),
        ("n_fft", True, "n_fft: got True"),
        ("kind", "magic", "kind: got 'magic', expected one of spectrogram, waveform"),
        ("geometry", "magic", "geometry: got 'magic', expected one of kuielab, uvr"),
        ("overlap", 1.0, "overlap: got steps of 0 samples, expected 1 to"),
        ("trim", -1, "trim: got -1, expected samples, 0 or more"),
        ("trim", 9999, "trim: got 9999, expected less than half a chunk of"),
        ("weights", None, "weights None, expected the key weights"),
    ],
)
def test_a_wrong_estimator_is_refused(
    tiny_copy: Path, key: str, value: object, message: str
) -> None:
    edit_system(tiny_copy, vocals={key: value})
    with pytest.raises(ConfigError, match=f"vocals.*{message}") as caught:
        Separator.load(tiny_copy)
    assert str(caught.value).startswith(f"{tiny_copy}: ")


@pytest.mark.parametrize(
    ("combine", "message"),
    [
        ([{"kind": "magic"}], "kind: got 'magic', expected one of mixer, blend, sum, rest, wiener"),
        (
            [{"kind": "wiener"}, {"kind": "rest"}],
            "combine: got the steps wiener, rest, expected wiener as the last step alone",
        ),
        ([{"kind": "wiener"}, {"kind": "wiener"}], "got the steps wiener, wiener"),
        ([{"kind": "wiener", "n_fft": 64}], "wiener: .*hop"),
        ([{"weights": "mixer.npz"}], "the key 'kind'"),
        ([{"kind": "mixer"}], "mixer: got no weights"),
        ([{"kind": "mixer", "weights": "mixer.npz", "gain": 2}], "unknown key"),
        ([{"kind": "blend", "estimator": "demucs"}], "estimator 'demucs', expected one of bass"),
        ([{"kind": "rest", "shares": {}}], "unknown key"),
        ("mixer.npz", "a list of mappings"),
    ],
)
def test_a_wrong_combiner_is_refused(tiny_copy: Path, combine: object, message: str) -> None:
    edit_system(tiny_copy, {"combine": combine})
    with pytest.raises(ConfigError, match=message) as caught:
        Separator.load(tiny_copy)
    assert str(caught.value).startswith(f"{tiny_copy}: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"makes": ["piano"]}, "the stem 'piano', expected the system's: bass, drums"),
        ({"makes": ["bass"], "name": "x"}, "'bass', which 'bass' makes too, expected .* blend"),
        ({"makes": ["bass"]}, "names that differ"),
        ({"makes": []}, "at least one stem"),
    ],
)
def test_stems_are_made_once(tiny_copy: Path, changes: dict[str, object], message: str) -> None:
    edit_system(tiny_copy, drums=changes)
    with pytest.raises(ConfigError, match=message):
        read_system(tiny_copy)


def test_a_stem_without_an_estimator_needs_the_rest(tiny_copy: Path) -> None:
    system = yaml.safe_load(tiny_copy.read_text()) | {"combine": []}
    system["estimators"] = system["estimators"][:3]
    del system["combine"]
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match=r"none for \['vocals'\], expected .*the combiner rest"):
        read_system(tiny_copy)
    tiny_copy.write_text(yaml.safe_dump(system | {"combine": [{"kind": "rest"}]}))
    mix = noise(9000)
    stems = Separator.load(tiny_copy, threads=1).separate(mix, 44100)
    rest = mix - stems["bass"] - stems["drums"] - stems["other"]
    np.testing.assert_allclose(stems["vocals"], rest, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ({"separators": {"bass": {}}}, "estimators"),
        ({"profile": "kuielab"}, "geometry: kuielab or uvr"),
        ({"mixer": "mixer.npz"}, "combine.*kind: mixer"),
        ({"companion": {"weights": "x.onnx"}}, "kind: waveform"),
        ({"blend": {"bass": 0.5}}, "kind: blend"),
        ({"two_stems": {}}, "geometry: uvr.*kind: rest"),
        ({"ladder": [{"sources": ["drums"]}]}, "estimators: "),
        ({"ladder": [{"companion": False}]}, "estimators: "),
    ],
)
def test_old_keys_name_the_new_ones(tiny_copy: Path, old: dict[str, object], today: str) -> None:
    edit_system(tiny_copy, old)
    key = next(iter(old)) if "ladder" not in old else next(iter(old["ladder"][0]))  # type: ignore[index]
    with pytest.raises(ConfigError, match=f"the old key '{key}', expected .*{today}") as caught:
        read_system(tiny_copy)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(tiny_copy: Path) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    del system["training_data"]
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match="training_data"):
        read_system(tiny_copy)


@pytest.mark.parametrize(
    "text",
    [
        "- a list",
        "a: [",
        "!!python/object/apply:os.getcwd []",
        "name: 2024-13-45",
        "",
        "\0",
        "[" * 3000,
    ],
)
def test_yaml_that_is_not_a_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml") as caught:
        read_system(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\\b", "../x", "nul\0"])
def test_a_track_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="track name"):
        folder_name("track name", name)


def test_ordinary_track_names_pass() -> None:
    for name in ("AM Contra - Heart Peripheral", "...and Justice", "夏", "a.b"):
        assert folder_name("track name", name) == name


@pytest.mark.parametrize(
    "training_data", [[], ["MUSDB18-HQ train", "MUSDB18-HQ test"], ["songs of my own"]]
)
def test_leaderboard_a_allows_one_data_set_only(tiny_copy: Path, training_data: list[str]) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    system |= {"leaderboard": "A", "training_data": training_data}
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match="all that leaderboard A allows"):
        read_system(tiny_copy)
    tiny_copy.write_text(yaml.safe_dump(system | {"training_data": ["MUSDB18-HQ train"]}))
    assert read_system(tiny_copy).training_data == ("MUSDB18-HQ train",)


@pytest.mark.parametrize("value", ["MUSDB18-HQ train", [1], {"a": 1}])
def test_training_data_is_a_list_of_names(tiny_copy: Path, value: object) -> None:
    system = yaml.safe_load(tiny_copy.read_text()) | {"training_data": value}
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match=r"training_data: got .*, expected a list of names"):
        read_system(tiny_copy)


def test_a_mapping_belongs_to_who_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("stems: [bass]")
    read_mapping(path)["stems"].append("drums")
    assert read_mapping(path) == {"stems": ["bass"]}
    path.write_text("stems: [vocals]")
    assert read_mapping(path) == {"stems": ["vocals"]}
