"""Write the type stubs of the compiled modules: ``python tools/stubs.py``, with gibbous installed.

All levels of the core have one interface, so that one stub, ``_core``, serves all of them. It is a
folder, because the core has a submodule for each model. A test compares the output of this script
with the committed files.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "gibbous"

# pybind11 lists every type that a caster accepts; stubs are narrower and shorter.
REWRITES = (
    (r"typing\.SupportsInt( \| typing\.SupportsIndex)?", "int"),
    (r"typing\.SupportsFloat( \| typing\.SupportsIndex)?", "float"),
    (r'typing\.Annotated\[(.+?), "FixedSize\(\d+\)"\]', r"\1"),
    (r"-> tuple:", "-> tuple[typing.Any, ...]:"),
    (r"-> dict:", "-> dict[str, typing.Any]:"),
    (r'"""\n *(.*)\n *"""', r'"""\1"""'),
    (r"(__version__: str) = .*", r"\1"),  # the version is in pyproject.toml only
)


def rewritten(text: str, module: str, name: str) -> str:
    """Return a stub as it is committed: simplified, and for any level of the core."""
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text)
    text = re.sub(rf"\b{re.escape(module)}\b", f"gibbous.{name}", text)
    return "# Written by tools/stubs.py.\n" + text


def stubs_of(module: str, name: str) -> dict[str, str]:
    """Return the stubs of an importable compiled module and its submodules, by their paths.

    ``gibbous.NAME`` is what the stubs call the module.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pybind11_stubgen", module, "-o", folder, "--exit-code"],
            check=True,
            capture_output=True,
            text=True,
        )
        written = Path(folder) / module.replace(".", "/")
        alone = written.with_suffix(".pyi")
        found = {f"{name}.pyi": alone} if alone.exists() else {}
        for path in sorted(written.rglob("*.pyi")):
            found[f"{name}/{path.relative_to(written).as_posix()}"] = path
        return {
            at: rewritten(path.read_text(encoding="utf-8"), module, name)
            for at, path in found.items()
        }


def main() -> None:
    """Write and format all stubs."""
    from gibbous._ground.isa import LEVEL

    for name, module in (("_core", f"_core_{LEVEL}"), ("_cpu", "_cpu")):
        for at, text in stubs_of(f"gibbous.{module}", name).items():
            path = PACKAGE / at
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, encoding="utf-8")
            subprocess.run(["ruff", "check", "--quiet", "--fix-only", str(path)], check=True)
            subprocess.run(["ruff", "format", "--quiet", str(path)], check=True)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
