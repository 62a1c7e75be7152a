"""Layers of the benchmark's folders: imports point to lower layers only, without cycles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"

#: Lowest first; folders on the same line do not import each other.
LAYERS = (
    ("harness",),
    ("rows", "report"),
    ("kmeans", "gmm", "lda", "rbm"),
    ("adapters",),
    ("plan",),
    ("versus",),
    ("commands",),
    ("worker", "__main__"),
)
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}

MODULES = {
    ".".join(path.relative_to(BENCH).with_suffix("").parts): path
    for path in BENCH.rglob("*.py")
    if path.name != "__init__.py"
}


def imports(module: str) -> set[str]:
    """Return the modules of the benchmark that a module imports, including local imports."""
    found = set()
    folder = module.split(".")[:-1]
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - node.level + 1]
            base += node.module.split(".") if node.module else []
            for name in (".".join([*base, alias.name]) for alias in node.names):
                found.add(name if name in MODULES else ".".join(base))
    return found


def test_all_forms_of_imports_are_found() -> None:
    assert imports("versus.worker") == {"harness.machine", "versus.tasks"}
    assert "plan.suites" in imports("commands.versus")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_to_lower_layers(module: str) -> None:
    mine = module.split(".")[0]
    for other in imports(module):
        theirs = other.split(".")[0]
        assert theirs == mine or LAYER[theirs] < LAYER[mine], f"{module} imports {other}"


def test_imports_have_no_cycles() -> None:
    below = {module: imports(module) & set(MODULES) for module in MODULES}
    while ends := [module for module, others in below.items() if not others]:
        below = {m: others - set(ends) for m, others in below.items() if m not in ends}
    assert not below


def test_folders_stay_small() -> None:
    for folder in {path.parent for path in MODULES.values()}:
        assert len(list(folder.glob("*.py"))) <= 15, folder
