"""Rules of the codebase, kept by tests."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gibbous
from gibbous import _isa

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "gibbous"
CORE = ROOT / "cpp" / "gibbous"
BIND = ROOT / "cpp" / "bind"

#: A module imports only from modules in lines above its own.
LAYERS = (
    ("_cpu", "_core"),
    ("_isa",),
    ("_random", "_validate", "_files", "_side_by_side"),
    ("_fit", "_config"),
    ("corpus_rows",),
    ("corpus_text", "corpus_matrix", "corpus_columns", "corpus_disk", "corpus_files"),
    ("corpus_writer", "corpus_source", "corpus_records"),
    ("corpus_bag", "corpus_lines", "corpus_triples"),
    ("corpus_formats",),
    ("corpus",),
    ("_centers",),
    ("minibatch",),
    ("kmeans",),
    ("gmm_moments", "gmm_blocks"),
    ("gmm_prior",),
    ("gmm_posterior",),
    ("gmm_em",),  # starts a mixture from K-means: the one edge between models
    ("gmm_accelerate", "gmm_starts"),
    ("gmm_missing",),
    ("gmm_conditional",),
    ("gmm_mixture", "gmm_passes", "gmm_run", "gmm_start"),
    ("gmm_online", "gmm_missing_passes", "gmm_parallel"),
    ("bgmm_prior",),
    ("bgmm_update",),
    ("bgmm_em",),
    ("gmm", "bgmm"),
    ("gmm_select",),
    ("lda_topics", "lda_table", "lda_similar", "lda_time"),
    ("lda_fold_in", "lda_priors", "lda_words", "lda_labels"),
    ("lda_chain", "lda_edit"),
    ("lda_run", "lda_describe", "lda_documents"),
    ("lda",),
    ("rbm_rows", "rbm_groups"),
    ("rbm_machine",),
    ("rbm_scores",),
    ("rbm_chains", "rbm_run"),
    ("rbm_likelihood", "rbm_training"),
    ("rbm", "rbm_conditionals", "rbm_enumeration"),
    ("rbm_gaussian", "rbm_categorical", "rbm_counts", "rbm_classifier"),
    ("io_parts",),
    ("io_mixtures",),
    ("io_specs",),
    ("io", "tables"),
    ("plot_style",),
    ("plot_plane", "plot_text"),
    ("plot_fit",),
    ("plot_kmeans", "plot_lda", "plot_rbm"),
    ("plot_gmm", "plot_words"),
    ("plot",),
    ("convert_mallet", "convert_lda"),
    ("convert",),
    ("evaluate_inputs",),
    ("evaluate_coherence", "evaluate_heldout", "evaluate_stability"),
    ("evaluate_select",),
    ("evaluate",),
    ("report_lda_map", "report_lda_words", "report_lda_documents"),
    ("report_lda_data",),
    ("report_lda",),
    ("demo_plot", "demo_rbm", "demo_texts"),
    ("demo",),
    ("cli_options", "cli_files", "cli_progress"),
    ("cli_help", "cli_show"),
    ("cli_session",),
    ("cli_info",),
    ("cli_lda_corpus", "cli_lda_show", "cli_gmm_missing", "cli_gmm_select"),
    ("cli_lda_report",),
    ("cli_lda_fit", "cli_rbm_fit"),
    ("cli_lda_measure",),
    ("cli_gmm", "cli_kmeans", "cli_lda", "cli_rbm", "cli_doctor", "cli_bench"),
    ("cli",),
)
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}

#: Imports upwards, made when a method is called, with the reason.
UPWARDS = {
    ("_fit", "plot"): "history_.plot() is a method of the results object",
    ("lda_time", "plot"): "plot() is a method of topics over time",
    ("gmm_select", "plot_gmm"): "plot() is a method of a selection of mixtures",
    ("lda_describe", "report_lda"): "report() is a method of a fitted topic model",
    ("gmm_conditional", "gmm"): "what is left of a mixture given some features is a mixture",
}

#: C++: the ground floor, lowest first; everything else belongs to the model that its name starts
#: with.
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
CXX_MODELS = ("corpus", "kmeans", "gmm", "lda", "rbm")

#: About 600; a file past this is two files.
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


def run_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run, so none below ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from run_imports(ast.Module([other], []))
        else:
            yield from run_imports(node)


def siblings(tree: ast.AST) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for node in run_imports(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [a.name for a in node.names]
            found |= {n.partition(".")[0] for n in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gibbous"):
            pytest.fail(f"import relatively within the package: {ast.unparse(node)}")
    return {n for n in found if n in LAYER or (SRC / f"{n}.py").exists()}


# ---- Python ------------------------------------------------------------------------------------


def test_every_module_has_a_layer() -> None:
    modules = {p.stem for p in SRC.glob("*.py")} - {"__init__"}
    assert modules == set(LAYER) - {"_cpu", "_core"}


@pytest.mark.parametrize("path", sorted(SRC.glob("*.py")), ids=lambda p: p.stem)
def test_modules_import_only_from_lower_layers(path: Path) -> None:
    if path.stem == "__init__":
        assert siblings(parsed(path)) == set()
        return
    used = siblings(parsed(path))
    wrong = {n for n in used if LAYER[n] >= LAYER[path.stem] and (path.stem, n) not in UPWARDS}
    assert not wrong, f"{path.name} imports {sorted(wrong)}, which are not below it"


def test_the_exceptions_are_used() -> None:
    for upper, lower in UPWARDS:
        assert lower in siblings(parsed(SRC / f"{upper}.py"))


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


def test_import_is_light() -> None:
    assert not loaded_by("import gibbous") & (HEAVY | {"typer", "rich", "safetensors"})


@pytest.mark.parametrize(
    "command",
    [[], ["kmeans"], ["gmm", "fit"], ["gmm", "select"], ["lda", "fit"], ["rbm", "fit"]],
    ids=" ".join,
)
def test_help_is_light(command: list[str]) -> None:
    code = (
        "import contextlib, io, sys\n"
        f"sys.argv = ['gibbous', *{command!r}, '--help']\n"
        "from gibbous.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "assert 'Usage' in out.getvalue()"
    )
    assert not loaded_by(code) & HEAVY


def test_all_is_correct() -> None:
    assert set(gibbous.__all__) == {*gibbous._MODULES, "__version__"}
    assert set(gibbous.__all__) <= set(dir(gibbous))
    for name, module in gibbous._MODULES.items():
        defined = getattr(importlib.import_module(f"gibbous.{module}"), name)
        assert getattr(gibbous, name) is defined
    with pytest.raises(AttributeError, match="module 'gibbous' has no attribute 'KMedians'"):
        _ = gibbous.KMedians


@pytest.mark.parametrize("name", sorted(gibbous._MODULES))
def test_public_things_have_docstrings(name: str) -> None:
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


@pytest.mark.parametrize("path", sorted(SRC.glob("*.py")), ids=lambda p: p.stem)
def test_nothing_that_is_read_can_run(path: Path) -> None:
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
    texts = [*python_files(), *cxx_files(), *SRC.glob("*.pyi"), ROOT / "CMakeLists.txt"]
    repeated = [p for p in texts if version in p.read_text(encoding="utf-8")]
    assert not repeated, f"{version} is also written in {ids(repeated)}"
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def meaning(text: str) -> tuple[set[str], list[str]]:
    """Return imports and statements of a stub, apart from layout and comments."""
    body = ast.parse(text).body
    kinds = (ast.Import, ast.ImportFrom)
    return (
        {ast.unparse(n) for n in body if isinstance(n, kinds)},
        [ast.unparse(n) for n in body if not isinstance(n, kinds)],
    )


@pytest.mark.parametrize("stub", ["_core", "_cpu"])
def test_the_stub_equals_the_module(stub: str) -> None:
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    assert spec is not None and spec.loader is not None
    stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stubs)
    module = f"_core_{_isa.LEVEL}" if stub == "_core" else stub
    fresh = stubs.stub_of(f"gibbous.{module}")
    committed = (SRC / f"{stub}.pyi").read_text(encoding="utf-8")
    assert meaning(fresh) == meaning(committed), "run tools/stubs.py"


def test_all_levels_have_one_interface() -> None:
    def interface(level: str) -> dict[str, str]:
        # a signature that takes one of the core's own classes names the core
        own = f"gibbous._core_{level}."
        core = importlib.import_module(own[:-1])
        public = [n for n in dir(core) if not n.startswith("__")]
        return {n: (getattr(core, n).__doc__ or "").replace(own, "gibbous._core.") for n in public}

    assert interface(_isa.LEVEL)
    for level in ("base", *_isa.LEVELS):
        if level <= _isa.LEVEL and importlib.util.find_spec(f"gibbous._core_{level}"):
            assert interface(level) == interface(_isa.LEVEL)


# ---- C++ ---------------------------------------------------------------------------------------


def includes(path: Path) -> list[tuple[str, str]]:
    """Return ("<" or '"', target) of every include."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


def stem_of(include: str) -> str:
    return Path(include).stem


def model_of(stem: str) -> str | None:
    return next((m for m in CXX_MODELS if stem == m or stem.startswith(m + "_")), None)


CORE_FILES = sorted(p for p in CORE.iterdir() if p.suffix in (".cpp", ".hpp"))

#: No Python, no input or output, no clock, and no random numbers but random.hpp's.
NOT_IN_CORE = re.compile(
    r"^(Python\.h|pybind11/.*|iostream|fstream|ostream|istream|cstdio|stdio\.h|chrono|ctime|random)$"
)


@pytest.mark.parametrize("path", CORE_FILES, ids=lambda p: p.name)
def test_the_core_includes_only_what_is_below(path: Path) -> None:
    model = model_of(path.stem)
    assert model or path.stem in GROUND, f"{path.name} belongs to no model; add it to GROUND"
    for kind, target in includes(path):
        assert not NOT_IN_CORE.match(target), f"{path.name} includes {target}"
        if kind == "<":
            continue
        assert target.startswith("gibbous/"), f"{path.name} includes {target}"
        other = stem_of(target)
        if model:
            assert model_of(other) in (model, None), f"{path.name} includes another model: {target}"
        elif other != path.stem:
            assert other in GROUND[: GROUND.index(path.stem)], f"{path.name} includes {target}"


@pytest.mark.parametrize("path", sorted(BIND.iterdir()), ids=lambda p: p.name)
def test_the_border_includes_only_the_core_and_itself(path: Path) -> None:
    for kind, target in includes(path):
        if kind == '"':
            shared = ("bind/bind.hpp", "bind/gmm.hpp", "bind/lda.hpp")
            assert target in shared or target.startswith("gibbous/")
    model = model_of(path.stem)
    if model:
        used = {model_of(stem_of(t)) for kind, t in includes(path) if t.startswith("gibbous/")}
        assert used <= {model, None}


def below(path: Path) -> set[str]:
    """Return everything that a file includes, and that those include."""
    found: set[str] = set()
    new = [target for kind, target in includes(path) if kind == '"']
    while new:
        target = new.pop()
        if target not in found:
            found.add(target)
            new += [t for kind, t in includes(BIND.parent / target) if kind == '"']
    return found


def test_the_border_that_all_levels_share_knows_no_vectors() -> None:
    # a template that knows their width would have one name and another body at every level
    users = {p.name for p in BIND.glob("*.cpp") if "gibbous/simd.hpp" in below(p)}
    assert users == {"module.cpp", "tiles.cpp"}
    built = (BIND.parents[1] / "CMakeLists.txt").read_text(encoding="utf-8")
    assert 'EXCLUDE REGEX "(probe|module|tiles)' in built


def test_openmp_is_in_one_file() -> None:
    pattern = re.compile(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|\bomp_[a-z_]+\(|<omp\.h>")
    users = {p.name for p in [*CORE_FILES, *BIND.iterdir()] if pattern.search(p.read_text())}
    assert users == {"parallel.hpp"}


@pytest.mark.parametrize("path", cxx_files(), ids=ids(cxx_files()))
def test_cxx_files_begin_with_their_licence(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
    if path.suffix == ".hpp":
        assert "\n#pragma once\n" in text


# ---- every file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", python_files() + cxx_files(), ids=ids(python_files() + cxx_files())
)
def test_files_are_short_and_finished(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MOST_LINES, f"{lines} lines: split it"
    marks = re.findall(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b", text)
    assert not marks


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "base", "common", "helpers", "misc"}
    assert not vague & {p.stem.lower() for p in python_files() + cxx_files()}
