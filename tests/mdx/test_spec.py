from pathlib import Path

import pytest
import yaml

from mdx.errors import ConfigError
from mdx.spec import StftSpec, find_system, read_system, system_names, track_name


def test_sizes_of_the_released_vocals_network() -> None:
    spec = StftSpec(n_fft=6144, hop=1024, dim_f=2048, dim_t=512)
    # Numbers of the released inference code: hop * (2 * 256 - 1), n_fft / 2, chunk - n_fft.
    assert (spec.n_bins, spec.chunk, spec.trim, spec.step) == (3073, 523264, 3072, 517120)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((6145, 1024, 2048, 256), "n_fft 6145"),
        ((1024, 1024, 512, 256), "twice the hop"),
        ((4096, 1024, 2050, 256), "dim_f 2050"),
        ((4096, 1024, 2048, 5), "a chunk of 4096 samples"),
    ],
)
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StftSpec(*sizes)


def test_every_system_that_comes_along_is_valid_and_bears_its_name() -> None:
    assert "demo" in system_names()
    for name in system_names():
        spec, _ = find_system(name)
        assert spec.name == name


def test_unknown_system_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"got 'nosuch', expected one of .*demo, demo_no_mixer"):
        find_system("nosuch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"mixer": 3}, "mixer: got 3, expected of type str"),
        ({"profile": "magic"}, "profile: got magic, expected one of kuielab"),
        ({"leaderboard": "C"}, "leaderboard: got C"),
        ({"name": "../x"}, "track name"),
        ({"separators": {"bass": {}}}, "separators"),
        ({"separators": None}, "separators"),
        ({"separators": {1: {}, "bass": {}}}, "separators"),
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


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nfft", 4096, "unknown key 'nfft'"),
        ("n_fft", "4096", "n_fft: got '4096', expected of type int"),
        ("n_fft", True, "n_fft: got True"),
    ],
)
def test_a_wrong_separator_is_refused(
    tiny_copy: Path, key: str, value: object, message: str
) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    system["separators"]["vocals"][key] = value
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match=f"vocals.*{message}"):
        read_system(tiny_copy)


def test_a_missing_key_is_named(tiny_copy: Path) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    del system["training_data"]
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(ConfigError, match="training_data"):
        read_system(tiny_copy)


@pytest.mark.parametrize(
    "text", ["- a list", "a: [", "!!python/object/apply:os.getcwd []", "name: 2024-13-45", "", "\0"]
)
def test_what_is_not_a_plain_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml") as caught:
        read_system(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\\b", "../x", "nul\0"])
def test_a_track_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="track name"):
        track_name(name)


def test_ordinary_track_names_pass() -> None:
    for name in ("AM Contra - Heart Peripheral", "...and Justice", "夏", "a.b"):
        assert track_name(name) == name


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
