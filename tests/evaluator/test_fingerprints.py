"""Fingerprints of results: new fields and files count without being listed."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from evaluator.fingerprints import (
    ROOT,
    SCORING,
    hash_facts,
    needed_by,
    package_versions,
    scoring_code,
    separation_code,
)
from evaluator.systems import PROSE, System, read_systems
from mdx.systems.spec import SystemSpec


@dataclass(frozen=True)
class NewSpec(SystemSpec):
    """A system with an additional field."""

    shimmer: float = 0.0


def extended(system: System, shimmer: float) -> System:
    values = {field.name: getattr(system.spec, field.name) for field in fields(system.spec)}
    return replace(system, spec=NewSpec(**values, shimmer=shimmer))


@pytest.fixture(scope="module")
def system() -> System:
    return read_systems(["demo"])[0]


def test_a_new_field_of_a_system_counts(system: System) -> None:
    assert extended(system, 0.0).key != system.key
    assert extended(system, 0.0).key == extended(system, 0.0).key != extended(system, 0.1).key


def test_prose_does_not_count(system: System) -> None:
    spec = replace(
        system.spec, name="other", description="Other words", licence="none", leaderboard="none",
        training_data=("Another set",),
    )  # fmt: skip
    assert replace(system, spec=spec).key == system.key
    assert set(PROSE) < {field.name for field in fields(SystemSpec)}


def test_only_json_values_are_hashed() -> None:
    with pytest.raises(TypeError):
        hash_facts(object())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with the layout of this one."""
    files = {
        "predict.py": "from evaluator.kit import Kit\nimport mdx.separator\n",
        "evaluator/kit.py": "def late():\n    from evaluator import helpers\n",
        "evaluator/helpers.py": "",
        "evaluator/scores.py": "import numpy\nimport evaluator.ratios as r\n",
        "evaluator/ratios.py": "import scipy.linalg\nfrom mdx.errors import MdxError\n",
        "evaluator/page.py": "",
        "mdx/__init__.py": "",
        "mdx/errors.py": "",
        "mdx/separator.py": "",
        "mdx/rooms/deep/loaded_by_name.py": "",
        "mdx/rooms/table.yaml": "a: 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def append(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text() + "# changed\n")


CHANGES: dict[str, tuple[Callable[[Path], object], bool, bool]] = {  # stems, scores
    "the submission": (append("predict.py"), True, False),
    "what it imports in a function": (append("evaluator/helpers.py"), True, False),
    "a file below mdx that nothing imports": (
        append("mdx/rooms/deep/loaded_by_name.py"), True, False,
    ),
    "a file below mdx that is no code": (append("mdx/rooms/table.yaml"), True, False),
    "a new file": (lambda root: (root / "mdx/rooms/new.py").write_text(""), True, False),
    "a new package": (lambda root: (root / "mdx/a.py").write_text("import yaml"), True, False),
    "a lost file": (lambda root: (root / "mdx/rooms/table.yaml").unlink(), True, False),
    "what scoring imports": (append("evaluator/ratios.py"), False, True),
    "what both need": (append("mdx/errors.py"), True, True),
    "what neither needs": (append("evaluator/page.py"), False, False),
    "a compiled module": (lambda root: (root / "mdx/a.pyc").write_bytes(b"x"), False, False),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_code_counts_where_it_is_needed(repository: Path, case: str) -> None:
    change, stems, scores = CHANGES[case]
    before = separation_code(repository), scoring_code(repository)
    assert before == (separation_code(repository), scoring_code(repository))
    change(repository)
    assert (separation_code(repository) != before[0]) is stems
    assert (scoring_code(repository) != before[1]) is scores


def test_packages_are_those_that_are_imported(repository: Path) -> None:
    assert set(package_versions(repository)) == {"numpy", "scipy"}
    here = package_versions()
    assert {"numpy", "onnxruntime", "scipy", "soundfile", "soxr"} <= set(here)
    assert not {"mdx", "plotly", "torch"} & set(here)


def test_scores_depend_on_the_metrics_and_not_on_the_page() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in needed_by(SCORING)}
    assert {"evaluator/scores.py", "evaluator/metrics.py", "evaluator/bss_eval.py"} <= names
    assert not {"evaluator/page.py", "evaluator/figures.py", "evaluator/run.py"} & names
