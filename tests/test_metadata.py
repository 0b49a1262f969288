"""Version pins, environments, aicrowd.json, and the weights in git."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mdx.errors import WeightsError
from mdx.systems.find import DEFAULT_SYSTEM, find_system, system_names
from mdx.systems.manifest import checkpoint_of, read_manifest
from mdx.systems.spec import MODELS
from mdx.systems.weights import read_weights
from models.fetch.wanted import find_wanted

ROOT = Path(__file__).resolve().parent.parent
OURS = ("demo/", "synthetic/", "synthetic_low/")  # weights in git


def constraints() -> dict[str, Version]:
    """The exact version of every package, by its normalised name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    for pin in pins:
        assert [spec.operator for spec in pin.specifier] == ["=="], pin
    return {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in pins}


def test_conda_installs_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    found = [Requirement(line) for line in conda["dependencies"][-1]["pip"]]
    wanted = [Requirement(line) for line in project["dependencies"]]
    names = {requirement.name: requirement.marker for requirement in found}
    assert names == {"aicrowd-api": None, **{line.name: line.marker for line in wanted}}
    for requirement in found:
        pinned = constraints()[canonicalize_name(requirement.name)]
        assert str(requirement.specifier) == f"=={pinned}", requirement
    assert "ffmpeg" in conda["dependencies"] and "prefix" not in conda


def test_every_requirement_has_a_range_that_holds_its_pin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for line in project["dependencies"] + extras:
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            continue
        operators = sorted(spec.operator for spec in requirement.specifier)
        assert operators == ["<", ">="], line
        assert constraints()[canonicalize_name(requirement.name)] in requirement.specifier, line


@pytest.mark.parametrize("name", ["tools/install.sh", "Dockerfile"])
def test_installs_use_the_constraints(name: str) -> None:
    text = (ROOT / name).read_text()
    installs = re.findall(r'pip"? install .*', text)
    assert installs and all("--constraint constraints.txt" in line for line in installs)


def test_the_image_is_a_submission() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert f"aicrowd-api=={constraints()['aicrowd-api']}" in text
    assert "\nWORKDIR /home/aicrowd\n" in text and " run.sh ./" in text and " NOTICE ./" in text


def test_aicrowd_json_agrees_with_the_default_system() -> None:
    submission = json.loads((ROOT / "aicrowd.json").read_text())
    assert set(submission) == {
        "challenge_id", "grader_id", "authors", "description", "external_dataset_used",
    }  # fmt: skip
    assert submission["external_dataset_used"] is (
        find_system(DEFAULT_SYSTEM)[0].leaderboard != "A"
    )


@pytest.mark.parametrize("name", ["demo", "mdx_net"])
def test_systems_without_a_mixer_differ_in_nothing_else(name: str) -> None:
    whole, bare = find_system(name)[0], find_system(f"{name}_no_mixer")[0]
    assert bare.estimators == whole.estimators and whole.mixer is not None
    assert bare.combine == tuple(step for step in whole.combine if step.kind != "mixer")
    assert (bare.stems, bare.leaderboard) == (whole.stems, whole.leaderboard)


@pytest.mark.parametrize("name", system_names())
def test_weights_in_git_are_those_of_the_manifest(name: str) -> None:
    spec, folder = find_system(name)
    names = [file for file in spec.files if file.startswith(OURS)]
    entries = read_manifest(folder)
    if not names and not any(
        file in entries or checkpoint_of(entries, file) for file in spec.files
    ):
        # Nothing of it is public: somebody puts it there.
        with pytest.raises(WeightsError, match=r"no place to fetch .* put your own at "):
            find_wanted(name)
        return
    published = {wanted.name for wanted in find_wanted(name)}
    # Networks that somebody has converted here are no longer wanted.
    checkpoints = [checkpoint_of(entries, file) for file in spec.files]
    converted = [name for name in checkpoints if name and entries[name].url is not None]
    assert names or published or converted, "got no weights in git and no url, expected one of them"
    for file in names:
        assert read_weights(folder, file) and file not in published


@pytest.mark.parametrize(("folder", "files", "most"), [
    ("demo", 9, 9), ("synthetic", 2, 15), ("synthetic_low", 3, 22),
])  # fmt: skip
def test_weights_in_git_are_small(folder: str, files: int, most: int) -> None:
    sizes = [path.stat().st_size for path in (MODELS / "weights" / folder).iterdir()]
    assert len(sizes) == files and sum(sizes) <= most * 1_000_000


def test_weights_in_git_name_a_clean_commit() -> None:
    entries = read_manifest(MODELS / "weights")
    made_here = {name: entry for name, entry in entries.items() if name.startswith(OURS)}
    trained = {name: entry.commit for name, entry in made_here.items() if not entry.parent}
    assert len(trained) >= 8
    for name, commit in trained.items():
        assert commit and re.fullmatch("[0-9a-f]{40}", commit), f"{name}: {commit}"


def test_the_commits_of_weights_in_git_are_ancestors_of_this_one() -> None:
    git = ["git", "-C", str(ROOT)]
    shallow = [*git, "rev-parse", "--is-shallow-repository"]
    if subprocess.run(shallow, capture_output=True, check=False).stdout.strip() != b"false":
        pytest.skip("needs the whole history, not only the files")
    entries = read_manifest(MODELS / "weights").values()
    for commit in {entry.commit for entry in entries if entry.commit}:
        command = [*git, "merge-base", "--is-ancestor", commit, "HEAD"]
        assert subprocess.run(command, check=False).returncode == 0, commit


@pytest.mark.parametrize("name", system_names())
def test_every_system_states_its_licence(name: str) -> None:
    assert find_system(name)[0].licence
