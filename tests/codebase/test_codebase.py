"""Rules of the codebase, kept by tests."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gibbous
from gibbous._ground import isa as _isa

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "gibbous"
CORE = ROOT / "cpp" / "gibbous"
BIND = ROOT / "cpp" / "bind"

#: A package imports only from packages on earlier lines, and from itself.
LAYERS = (
    ("_cpu", "_core"),
    ("_ground",),
    ("_fit", "_rows", "corpus"),
    ("kmeans",),
    ("gmm", "lda", "rbm"),
    ("io",),
    ("plot",),
    ("convert", "evaluate", "report_lda"),
    ("demo",),
    ("cli",),
)
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}

#: C++: folders of the core, and those that they may include in addition to their own and ground.
CXX_FOLDERS: dict[str, tuple[str, ...]] = {
    "ground": (),
    "layers": (),
    "corpus": (),
    "kmeans": (),
    "gmm": (),
    "lda": (),
    "rbm": ("layers",),
}

#: The folders of the ground layer, lowest first.
GROUND = (
    "types",
    "simd",
    "random",
    "random_bulk",
    "parallel",
    "pages",
    "tiles",
    "transpose",
    "bit_product",
    "tile_product",
)

#: Longer files should be split.
MOST_LINES = 650


def python_files() -> list[Path]:
    return sorted(
        p
        for folder in ("src", "tests", "bench", "examples", "tools")
        for p in (ROOT / folder).rglob("*.py")
    )


def cxx_files() -> list[Path]:
    return sorted(p for p in (ROOT / "cpp").rglob("*") if p.suffix in (".cpp", ".hpp"))


def ids(paths: list[Path]) -> list[str]:
    return [str(p.relative_to(ROOT)) for p in paths]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


MODULES = {
    path: path.relative_to(SRC).with_suffix("").parts
    for path in sorted(SRC.rglob("*.py"))
    if path != SRC / "__init__.py"
}


def imported(path: Path) -> list[tuple[tuple[str, ...], str | None]]:
    """Return the modules of the package that a module imports, each with the function around it.

    Imports below ``if TYPE_CHECKING`` count like all others. A package stands for its
    ``__init__``.
    """
    found = []
    here = path.relative_to(SRC).parts[:-1]

    def visit(node: ast.AST, function: str | None) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*here[: len(here) - node.level + 1], *(node.module or "").split("."))
            base = tuple(part for part in base if part)
            for alias in node.names:
                inner = (*base, alias.name)
                known = SRC.joinpath(*inner).with_suffix(".py").exists()
                if known or SRC.joinpath(*inner).is_dir() or alias.name in ("_cpu", "_core"):
                    found.append((inner, function))
                elif base:
                    found.append((base, function))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gibbous"):
            pytest.fail(f"import relatively within the package: {ast.unparse(node)}")
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(parsed(path), None)
    return found


# ---- Python ------------------------------------------------------------------------------------


def test_every_module_has_a_layer() -> None:
    assert {parts[0] for parts in MODULES.values()} == set(LAYER) - {"_cpu", "_core"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: ".".join(MODULES[p]))
def test_packages_import_only_from_lower_layers(path: Path) -> None:
    own = MODULES[path][0]
    wrong = [
        ".".join(target)
        for target, function in imported(path)
        if target[0] != own
        and LAYER[target[0]] >= LAYER[own]
        and not (target[0] == "plot" and function == "plot")  # the exception: plot methods
    ]
    assert not wrong, f"{path.relative_to(SRC)} imports {wrong}, which are not below it"


def test_modules_do_not_import_in_circles() -> None:
    graph = {
        parts: {t for t, function in imported(path) if t != parts and function != "plot"}
        for path, parts in MODULES.items()
    }
    done: set[tuple[str, ...]] = set()

    def climb(at: tuple[str, ...], way: list[tuple[str, ...]]) -> None:
        if at in way:
            circle = [".".join(m) for m in [*way[way.index(at) :], at]]
            pytest.fail(f"an import circle: {' -> '.join(circle)}")
        if at not in done:
            for target in sorted(graph.get(at, ())):
                climb(target, [*way, at])
            done.add(at)

    for module in sorted(graph):
        climb(module, [])


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {m.partition(".")[0] for m in done.stdout.split()}


HEAVY = {"sklearn", "scipy", "matplotlib", "pandas", "pyarrow", "joblib"}


def test_import_loads_few_modules() -> None:
    assert not loaded_by("import gibbous") & (HEAVY | {"typer", "rich", "safetensors"})


@pytest.mark.parametrize(
    "command",
    [[], ["kmeans"], ["gmm", "fit"], ["gmm", "select"], ["lda", "fit"], ["rbm", "fit"]],
    ids=" ".join,
)
def test_help_imports_few_modules(command: list[str]) -> None:
    code = (
        "import contextlib, io, sys\n"
        f"sys.argv = ['gibbous', *{command!r}, '--help']\n"
        "from gibbous.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "assert 'Usage' in out.getvalue()"
    )
    assert not loaded_by(code) & HEAVY


def test_all_lists_every_public_name() -> None:
    assert set(gibbous.__all__) == {*gibbous._MODULES, "__version__"}
    assert set(gibbous.__all__) <= set(dir(gibbous))
    for name, module in gibbous._MODULES.items():
        defined = getattr(importlib.import_module(f"gibbous.{module}"), name)
        assert getattr(gibbous, name) is defined
    with pytest.raises(AttributeError, match="module 'gibbous' has no attribute 'KMedians'"):
        _ = gibbous.KMedians


@pytest.mark.parametrize("name", sorted(gibbous._MODULES))
def test_public_objects_have_docstrings(name: str) -> None:
    thing = getattr(gibbous, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        bare = [
            member
            for member, value in inspect.getmembers(thing)
            if not member.startswith("_")
            and (
                inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, property)
            )
            and (getattr(value, "__module__", None) or "gibbous").startswith("gibbous")
            and not inspect.getdoc(value)
        ]
        assert not bare, f"{name}: no docstring on {bare}"


FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: ".".join(MODULES[p]))
def test_reading_files_cannot_run_code(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            assert not {a.name.partition(".")[0] for a in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").partition(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "os.system"), ast.unparse(node)
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle":
                    assert ast.unparse(keyword.value) == "False", ast.unparse(node)
            if called in ("np.load", "numpy.load"):
                assert "allow_pickle" in {k.arg for k in node.keywords}, ast.unparse(node)


# ---- one version, one stub ---------------------------------------------------------------------


def declared_version() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.findall(r'^version = "(.+)"$', text, re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def test_the_version_is_in_one_place() -> None:
    version = declared_version()
    assert gibbous.__version__ == version == importlib.metadata.version("gibbous")
    texts = [*python_files(), *cxx_files(), *SRC.rglob("*.pyi"), ROOT / "CMakeLists.txt"]
    repeated = [p for p in texts if version in p.read_text(encoding="utf-8")]
    assert not repeated, f"{version} is also written in {ids(repeated)}"
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def meaning(text: str) -> tuple[set[str], list[str]]:
    """Return imported names and statements of a stub, apart from layout and comments."""
    names, statements = set(), []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            source = ast.unparse(node).partition(" import ")[0]
            names |= {f"{source} import {alias.name}" for alias in node.names}
        else:
            statements.append(ast.unparse(node))
    return names, statements


@pytest.mark.parametrize("stub", ["_core", "_cpu"])
def test_the_stub_equals_the_module(stub: str) -> None:
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    assert spec is not None and spec.loader is not None
    stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stubs)
    module = f"_core_{_isa.LEVEL}" if stub == "_core" else stub
    fresh = stubs.stubs_of(f"gibbous.{module}", stub)
    committed = [*SRC.glob(f"{stub}.pyi"), *SRC.glob(f"{stub}/**/*.pyi")]
    assert set(fresh) == {p.relative_to(SRC).as_posix() for p in committed}
    for at, text in fresh.items():
        written = (SRC / at).read_text(encoding="utf-8")
        names, statements = meaning(text)
        found, said = meaning(written)
        assert found <= names, f"run tools/stubs.py: {at}"  # ruff drops imports that are not used
        assert said == statements, f"run tools/stubs.py: {at}"


def test_all_levels_have_one_interface() -> None:
    def interface(level: str) -> dict[str, str]:
        # a signature with one of the core's own classes contains the name of the core
        own = f"gibbous._core_{level}."
        found: dict[str, str] = {}

        def read(module: ModuleType, prefix: str) -> None:
            for name in dir(module):
                if not name.startswith("__"):
                    thing = getattr(module, name)
                    found[prefix + name] = (thing.__doc__ or "").replace(own, "gibbous._core.")
                    if inspect.ismodule(thing):
                        read(thing, f"{prefix}{name}.")

        read(importlib.import_module(own[:-1]), "")
        return found

    assert {"philox", "gmm.accumulate", "gmm.missing.accumulate"} <= set(interface(_isa.LEVEL))
    for level in ("base", *_isa.LEVELS):
        if level <= _isa.LEVEL and importlib.util.find_spec(f"gibbous._core_{level}"):
            assert interface(level) == interface(_isa.LEVEL)


# ---- C++ ---------------------------------------------------------------------------------------


def includes(path: Path) -> list[tuple[str, str]]:
    """Return ("<" or '"', target) of every include."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


def cxx_folder(path: Path) -> str:
    """Return the folder of the core, or the corresponding one of the bindings, of a file."""
    root = CORE if path.is_relative_to(CORE) else BIND
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else ""


CORE_FILES = sorted(p for p in CORE.rglob("*") if p.suffix in (".cpp", ".hpp"))
BIND_FILES = sorted(p for p in BIND.rglob("*") if p.suffix in (".cpp", ".hpp"))


def below_cpp(paths: list[Path]) -> list[str]:
    return [p.relative_to(CORE.parent).as_posix() for p in paths]


#: No Python, no input or output, no clock, and no random numbers except those of random.hpp.
NOT_IN_CORE = re.compile(
    r"^(Python\.h|pybind11/.*|iostream|fstream|ostream|istream|cstdio|stdio\.h|chrono|ctime|random)$"
)


def test_every_folder_of_the_core_has_files_and_a_rule() -> None:
    assert {cxx_folder(p) for p in CORE_FILES} == set(CXX_FOLDERS)
    assert {cxx_folder(p) for p in BIND_FILES} == {"", *CXX_FOLDERS}


@pytest.mark.parametrize("path", CORE_FILES, ids=below_cpp(CORE_FILES))
def test_core_includes_only_lower_folders(path: Path) -> None:
    folder = cxx_folder(path)
    for kind, target in includes(path):
        assert not NOT_IN_CORE.match(target), f"{path.name} includes {target}"
        if kind == "<":
            continue
        parts = Path(target).parts
        assert parts[0] == "gibbous" and len(parts) > 2, f"{path.name} includes {target}"
        allowed = (folder, "ground", *CXX_FOLDERS[folder])
        assert parts[1] in allowed, f"{path.name} includes what is not below it: {target}"
        other = Path(target).stem
        if folder == "ground" and other != path.stem:
            assert other in GROUND[: GROUND.index(path.stem)], f"{path.name} includes {target}"


@pytest.mark.parametrize("path", BIND_FILES, ids=below_cpp(BIND_FILES))
def test_bindings_include_only_the_core_and_themselves(path: Path) -> None:
    folder = cxx_folder(path)
    allowed = {folder, "ground", *CXX_FOLDERS.get(folder, ())}
    for kind, target in includes(path):
        if kind == '"' and target != "bind/bind.hpp":
            top, model = Path(target).parts[:2]
            assert top in ("bind", "gibbous") and model in allowed, f"{path.name}: {target}"


def below(path: Path) -> set[str]:
    """Return all direct and indirect includes of a file."""
    found: set[str] = set()
    new = [target for kind, target in includes(path) if kind == '"']
    while new:
        target = new.pop()
        if target not in found:
            found.add(target)
            new += [t for kind, t in includes(BIND.parent / target) if kind == '"']
    return found


def test_bindings_shared_by_all_levels_do_not_use_vectors() -> None:
    # a template that depends on their width would have the same name but differ between levels
    sources = [p for p in BIND_FILES if p.suffix == ".cpp"]
    users = {
        p.relative_to(BIND).as_posix() for p in sources if "gibbous/ground/simd.hpp" in below(p)
    }
    assert users == {"module.cpp", "ground/tiles.cpp"}
    built = (BIND.parents[1] / "CMakeLists.txt").read_text(encoding="utf-8")
    assert 'EXCLUDE REGEX "(bind/probe|bind/module|ground/tiles)' in built


def test_openmp_is_in_one_file() -> None:
    pattern = re.compile(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|\bomp_[a-z_]+\(|<omp\.h>")
    users = {p.name for p in [*CORE_FILES, *BIND_FILES] if pattern.search(p.read_text())}
    assert users == {"parallel.hpp"}


@pytest.mark.parametrize("path", cxx_files(), ids=ids(cxx_files()))
def test_cxx_files_begin_with_their_license(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
    if path.suffix == ".hpp":
        assert "\n#pragma once\n" in text


# ---- every file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", python_files() + cxx_files(), ids=ids(python_files() + cxx_files())
)
def test_files_are_short_and_have_no_open_tasks(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MOST_LINES, f"{lines} lines: split it"
    marks = re.findall(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b", text)
    assert not marks


def test_module_names_are_specific() -> None:
    vague = {"utils", "util", "base", "common", "helpers", "misc"}
    assert not vague & {p.stem.lower() for p in python_files() + cxx_files()}
