from pathlib import Path

import pytest
import yaml

from mdx.errors import ConfigError
from mdx.systems.find import find_system, read_system, system_names
from mdx.systems.spec import SOURCES, StftSpec, track_name


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


TWO_STEMS = {
    "name": "karaoke",
    "description": "one network of two stems",
    "training_data": [],
    "leaderboard": "none",
    "profile": "uvr",
    "two_stems": {
        "weights": "x.onnx", "n_fft": 6144, "primary": "Lead Vocals", "secondary": "Instrumental",
    },
}  # fmt: skip


def write_two_stems(path: Path, change: dict[str, object], **two: object) -> Path:
    values: dict[str, object] = {**TWO_STEMS, **change}
    if two:
        values["two_stems"] = {**TWO_STEMS["two_stems"], **two}  # type: ignore[dict-item]
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_system_of_two_stems(tmp_path: Path) -> None:
    spec = read_system(write_two_stems(tmp_path / "x.yaml", {}, compensate=1))
    assert spec.stems == ("lead_vocals", "instrumental") and not spec.separators
    assert spec.two_stems is not None
    assert (spec.two_stems.hop, spec.two_stems.compensate, spec.two_stems.overlap) == (
        1024,
        1,
        None,
    )
    assert find_system("demo")[0].stems == SOURCES


def test_a_whole_number_passes_for_a_fraction_and_nothing_else_does(tmp_path: Path) -> None:
    two = read_system(write_two_stems(tmp_path / "x.yaml", {}, compensate=2, overlap=0)).two_stems
    assert two is not None and (two.compensate, two.overlap) == (2, 0)
    for key in ("compensate", "overlap"):  # of type float, and float or None
        for value in (True, "1"):
            with pytest.raises(ConfigError, match=f"{key}: got {value!r}, expected of type float"):
                read_system(write_two_stems(tmp_path / "x.yaml", {}, **{key: value}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "kuielab"}, "two_stems.*together"),
        ({"two_stems": None}, "two_stems.*together"),
        ({"mixer": "m.npz"}, "none of these beside it"),
        ({"companion": {"weights": "d.onnx"}}, "none of these beside it"),
        ({"two_stems": "x.onnx"}, "a mapping"),
    ],
)
def test_two_stems_come_alone(change: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_system(write_two_stems(tmp_path / "x.yaml", change))


@pytest.mark.parametrize(
    ("two", "message"),
    [
        ({"secondary": "lead vocals"}, "two names that differ"),
        ({"secondary": "../x"}, "track name"),
        ({"compensate": 0}, "compensate"),
        ({"overlap": 1.0}, "overlap"),
        ({"denoise": 1}, "denoise: got 1, expected of type bool"),
        ({"n_fft": 6144.0}, "n_fft"),
    ],
)
def test_wrong_two_stems_are_refused(two: dict[str, object], message: str, tmp_path: Path) -> None:
    path = write_two_stems(tmp_path / "x.yaml", {}, **two)
    with pytest.raises(ConfigError, match=f"{path}: two_stems: .*{message}"):
        read_system(path)
