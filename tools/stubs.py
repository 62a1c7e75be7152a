"""Write the type stubs of the compiled modules: ``python tools/stubs.py``, with gibbous installed.

Every level of the core has one interface, so that one stub, ``_core.pyi``, stands for them all.
A test compares what this makes with what is committed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "gibbous"

# pybind11 says what a caster would take; we promise less, and need fewer words.
REWRITES = (
    (r"typing\.SupportsInt( \| typing\.SupportsIndex)?", "int"),
    (r"typing\.SupportsFloat( \| typing\.SupportsIndex)?", "float"),
    (r'typing\.Annotated\[(.+?), "FixedSize\(\d+\)"\]', r"\1"),
    (r"-> tuple:", "-> tuple[typing.Any, ...]:"),
    (r"-> dict:", "-> dict[str, typing.Any]:"),
    (r'"""\n *(.*)\n *"""', r'"""\1"""'),
    (r"(__version__: str) = .*", r"\1"),  # the version is said in pyproject.toml only
)


def stub_of(module: str) -> str:
    """Return the stub of an importable compiled module."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pybind11_stubgen", module, "-o", folder, "--exit-code"],
            check=True,
            capture_output=True,
            text=True,
        )
        text = (Path(folder) / (module.replace(".", "/") + ".pyi")).read_text(encoding="utf-8")
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text)
    return "# Written by tools/stubs.py.\n" + text


def main() -> None:
    """Write and format both stubs."""
    from gibbous._ground.isa import LEVEL

    for name, module in (("_core", f"_core_{LEVEL}"), ("_cpu", "_cpu")):
        path = PACKAGE / f"{name}.pyi"
        path.write_text(stub_of(f"gibbous.{module}"), encoding="utf-8")
        subprocess.run(["ruff", "check", "--quiet", "--fix-only", str(path)], check=True)
        subprocess.run(["ruff", "format", "--quiet", str(path)], check=True)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
