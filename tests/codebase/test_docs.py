"""The documentation: its examples, the names that it lists and the messages that it explains."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from sklearn import cluster, decomposition, mixture, neural_network

import gibbous
from gibbous import evaluate, plot
from support.pages import ROOT, blocks, compare, run_page

DOCS = ROOT / "docs"
#: Pages with examples, without those that the build generates (reference and gallery).
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if "generated" not in page.parts and page.parent != DOCS / "examples" and any(blocks(page))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_page_output_matches(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    run_page(page)


def test_every_model_has_an_introduction() -> None:
    shown = {page.stem for page in PAGES if page.parent == DOCS / "start"}
    assert shown == {"kmeans", "mixtures", "topics", "boltzmann", "command-line"}
    silent = [page.name for page in PAGES if not any(block.says for block in blocks(page))]
    assert not silent, f"no output is compared on {silent}"


def test_page_with_different_output_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "```python\nprint(1, 'second')\n```\n\n```text\n{}\n```\n"
    for says, right in (("1 second", True), ("1 s...", True), ("2 second", False), ("1", False)):
        page.write_text(text.format(says))
        (block,) = blocks(page)
        assert block == ("python", "print(1, 'second')\n", f"{says}\n", 1)
        if right:
            run_page(page)
        else:
            with pytest.raises(AssertionError, match=r"page\.md:1 prints\n1 second"):
                run_page(page)


def test_output_of_dots_only_is_rejected() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.says is None or re.search(r"\w", block.says), f"{page}:{block.line}"
            assert block.says is None or not compare(block.says, "something else")


# ---- reference ---------------------------------------------------------------------------------


def listed() -> set[str]:
    """Return the full names that the reference lists."""
    names, module = set(), ""
    for line in (DOCS / "reference" / "index.rst").read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z_]+", line):
            names.add(f"{module}.{line.strip()}")
    return names


def test_reference_lists_every_public_name() -> None:
    wanted = {f"gibbous.{name}" for name in gibbous._MODULES if name != "__version__"}
    wanted |= {f"gibbous.evaluate.{name}" for name in evaluate.__all__}
    wanted |= {f"gibbous.plot.{name}" for name in plot.__all__ if name.startswith("plot_")}
    wanted |= {"gibbous.report_lda.write_report", "gibbous.report_lda.report_html"}
    assert not wanted - listed(), "docs/reference/index.rst does not list these names"
    for name in listed():
        module, _, thing = name.rpartition(".")
        assert hasattr(importlib.import_module(module), thing), f"there is no {name}"


# ---- messages ----------------------------------------------------------------------------------


def messages() -> list[str]:
    """Return the texts in the sources, with the placeholders of f-strings as NUL."""

    def text_of(node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(text_of(part) or "\0" for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return f"{text_of(node.left) or chr(0)}{text_of(node.right) or chr(0)}"
        return None

    return [
        text
        for path in sorted((ROOT / "src" / "gibbous").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (text := text_of(node))
    ]


QUOTED = re.findall(r"^`([^`]+)`\n: ", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)


def test_documented_messages_are_in_the_source() -> None:
    assert len(QUOTED) >= 30
    known = "\n".join(messages())
    for quoted in QUOTED:
        parts = [re.escape(part) for part in quoted.split("…")]
        # a gap on the page matches a placeholder of the message, or words that the page omits
        assert re.search("[^\n]*?".join(parts), known), f"no message has {quoted!r}"
        assert max(map(len, quoted.split("…"))) >= 9, f"{quoted!r} is too short"


# ---- other libraries ---------------------------------------------------------------------------


def test_parameters_shared_with_scikit_learn() -> None:
    text = (DOCS / "coming-from.md").read_text(encoding="utf-8")
    for module, names in (
        (cluster, ("KMeans", "MiniBatchKMeans")),
        (mixture, ("GaussianMixture", "BayesianGaussianMixture")),
        (neural_network, ("BernoulliRBM",)),
    ):
        for name in names:
            theirs, ours = (
                getattr(module, name)().get_params(),
                getattr(gibbous, name)().get_params(),
            )
            assert theirs == {key: ours[key] for key in theirs}
            assert name in text
    theirs = decomposition.LatentDirichletAllocation().get_params()
    ours = gibbous.LatentDirichletAllocation().get_params()
    (row,) = [line for line in text.splitlines() if "`learning_method`" in line]
    assert set(re.findall(r"`(\w+)`", row)) == set(theirs) - set(ours)
    differ = {key for key in set(theirs) & set(ours) if theirs[key] != ours[key]}
    assert differ == {"max_iter", "mean_change_tol", "max_doc_update_iter", "evaluate_every"}


# ---- README ------------------------------------------------------------------------------------


def test_readme_output_matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # its other blocks are commands, which test_readme.py checks
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    languages = re.findall(r"^```(\w*)\n(?:.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert languages.count("python") >= 1 and "text" in languages
    assert set(languages) <= {"python", "sh", "text"}, "a block that no test runs"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shown = [block for block in blocks(ROOT / "README.md") if block.says is not None]
    assert len(shown) == languages.count("text")
    for block in shown:
        page = tmp_path / "README.md"
        page.write_text(f"```{block.language}\n{block.code}```\n\n```text\n{block.says}```\n")
        run_page(page)
