"""The rules of the house that a program can check: which package may import which."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("mdx", "models", "evaluator", "training", "demo", "benchmarks", "predict")
# The packages that each package may import; imports within mdx are restricted further below.
MAY_IMPORT = {
    "mdx": set(),
    "models": {"mdx", "evaluator"},
    "evaluator": {"mdx"},
    "training": {"mdx", "models", "evaluator"},
    "demo": {"mdx", "evaluator"},
    "benchmarks": {"mdx", "evaluator", "models", "training", "predict"},
    "predict": {"mdx", "evaluator"},
}
# Within mdx: every package may import errors, files, locks and the description of a system, and
# those below it in this table; of another package only its protocol, not its parts.
EVERYWHERE = {"mdx.errors", "mdx.files", "mdx.locks", "mdx.systems.spec"}
INSIDE = {
    "audio": set(),
    "systems": set(),
    "runtimes": {"mdx.machine"},
    "combine": {"mdx.systems.weights"},
    "cluster": {
        "mdx.machine", "mdx.audio.drafts", "mdx.audio.formats", "mdx.limit.policy",
        "mdx.separator", "mdx.systems.find", "mdx.systems.manifest",
    },
    "estimators": {
        "mdx.stages", "mdx.runtimes.network", "mdx.runtimes.runtime", "mdx.systems.mappings",
        "mdx.systems.weights",
    },
    "limit": {
        "mdx.stages", "mdx.monitor", "mdx.pipeline", "mdx.combine.protocol",
        "mdx.estimators.protocol", "mdx.estimators.normalise", "mdx.runtimes.watched",
        "mdx.systems.manifest", "mdx.systems.weights",
    },
    # The page is a caller like the command line, and may import no more of the runtime.
    "serve": {
        "mdx.separator", "mdx.limit.policy", "mdx.runtimes.memory", "mdx.runtimes.runtime",
        "mdx.estimators.front_ends",
        "mdx.audio.drafts", "mdx.audio.encode", "mdx.audio.formats", "mdx.audio.read",
        "mdx.audio.soundfiles", "mdx.audio.tags", "mdx.audio.write", "mdx.systems.find",
        "mdx.systems.listing", "mdx.systems.selection",
    },
}  # fmt: skip
WEB = {"starlette", "uvicorn", "h11"}  # of the extra `serve`
# Started by name as separate processes: mdx imports neither, and works without them.
CHILDREN = {"mdx.serve.worker", "mdx.serve.export", "evaluator.score_song"}
SYSTEMS = EVERYWHERE | {
    "mdx.machine", "mdx.systems.mappings", "mdx.systems.find", "mdx.systems.manifest",
    "mdx.systems.weights",
}  # fmt: skip
CLUSTER = {
    f"mdx.cluster.{name}"
    for name in ("connect", "dispatch", "drafts", "files", "pack", "there", "version", "workers")
}
MAY_SEE = {
    "evaluator": SYSTEMS | {
        "mdx.cli.arguments", "mdx.cli.environment", "mdx.interrupts", "mdx.limit.challenge",
        "mdx.limit.policy",
    } | CLUSTER,
    "models": SYSTEMS | {
        "mdx.cli.arguments", "mdx.runtimes.onnx", "mdx.estimators.stft", "mdx.estimators.chunks",
        "mdx.estimators.spectrogram",
        "mdx.systems.file_kinds", "mdx.systems.protobuf",
    },
}  # fmt: skip
HEAVY = (
    "torch", "onnx", "onnxscript", "openvino", "av", "musdb", "museval", "pandas",
    "plotly", "jinja2", "nncf", "dask", "distributed",
)  # fmt: skip


def python_files(room: str) -> list[Path]:
    path = ROOT / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """Modules that a file imports, by full name; with `top_level` only those outside functions."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if not (top_level and isinstance(node, ast.FunctionDef)):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    files = python_files(room)
    assert files
    for path in files:
        others = {name.split(".")[0] for name in imports(path)} & set(ROOMS) - {room}
        assert others <= MAY_IMPORT[room], path


def imports_of_mdx(path: Path) -> set[str]:
    """Modules of mdx that a file imports."""
    return {name for name in imports(path) if name.split(".")[0] == "mdx"}


@pytest.mark.parametrize("room", INSIDE)
def test_rooms_of_the_runtime_import_in_one_direction(room: str) -> None:
    files = python_files(f"mdx/{room}")
    assert files
    for path in files:
        others = {name for name in imports_of_mdx(path) if not name.startswith(f"mdx.{room}.")}
        assert others <= EVERYWHERE | INSIDE[room], path


def test_only_the_page_needs_a_web_server() -> None:
    for path in python_files("mdx"):
        web = {name.split(".")[0] for name in imports(path)} & WEB
        assert not web or path.parent.name == "serve", path
        assert path.parent.name == "serve" or not any(
            name.startswith("mdx.serve") for name in imports(path, top_level=True)
        ), path


def test_the_page_starts_processes_that_it_does_not_import() -> None:
    server = set(python_files("mdx/serve")) - {
        ROOT / f"{name.replace('.', '/')}.py" for name in CHILDREN
    }
    for path in server:
        assert not imports(path) & CHILDREN, path
        assert "mdx.separator" not in imports(path), path
    for name in CHILDREN:
        assert (ROOT / f"{name.replace('.', '/')}.py").is_file()
        assert any(f'"{name}"' in path.read_text(encoding="utf-8") for path in server), name


@pytest.mark.parametrize("room", MAY_SEE)
def test_other_rooms_see_only_the_front_of_the_runtime(room: str) -> None:
    for path in set(python_files(room)) - set(python_files("models/quantize")):
        assert imports_of_mdx(path) <= MAY_SEE[room], path


def test_only_quantising_measures_music_in_models() -> None:
    for path in python_files("models"):
        names = {name for name in imports(path) if name.startswith("evaluator")}
        allowed = {"evaluator.metrics", "evaluator.test_sets"}
        assert names <= (allowed if path.parent.name == "quantize" else set()), path


def test_the_submission_relies_on_the_grader_s_file_only() -> None:
    names = {name for name in imports(ROOT / "predict.py") if name.startswith("evaluator")}
    assert names == {"evaluator.music_demixing"}


@pytest.mark.parametrize("room", ["mdx", "evaluator", "predict"])
def test_nothing_heavy_at_the_top_of_a_file(room: str) -> None:
    for path in python_files(room):
        if path.name != "ffmpeg.py":  # imported only for a file that needs it
            heavy = {name.split(".")[0] for name in imports(path, top_level=True)} & set(HEAVY)
            assert not heavy, path
