"""What pyproject.toml cannot say: systems, weights and some commands go inside mdx."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Of models/: what `mdx` reads, and the commands that need no training packages.
INSIDE = (
    "__init__.py", "systems/*.yaml", "weights/manifest.yaml", "weights/demo/*",
    "weights/synthetic/*", "weights/synthetic_low/*.onnx",
    "fetch/*.py", "describe/*.py",
)  # fmt: skip


class BuildWithModels(build_py):
    """Copies them to mdx/_repository, where mdx.systems.spec looks for them."""

    def run(self) -> None:
        """Build; an editable install finds them in the checkout."""
        if not self.editable_mode:  # what an older build left would be taken into the wheel
            shutil.rmtree(Path(self.build_lib, "mdx"), ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        for pattern in INSIDE:
            for path in (ROOT / "models").glob(pattern):
                target = Path(self.build_lib, "mdx", "_repository", path.relative_to(ROOT))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithModels})
