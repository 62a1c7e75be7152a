"""The language of pages, messages, docstrings and comments: patterns to avoid.

As a script it lists the findings in files or folders:
``python tests/codebase/test_language.py src/gibbous/gmm cpp``.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").exists())
SRC = ROOT / "src" / "gibbous"

#: Parts of src/gibbous whose messages, help, docstrings and comments are checked.
CLEAN: tuple[str, ...] = (
    "_fit",
    "_ground",
    "_rows",
    "cli",
    "convert",
    "corpus",
    "demo",
    "gmm",
    "io",
    "kmeans",
    "lda",
    "plot",
    "rbm",
)

#: Pages that are checked.
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "examples")

#: Folders of code whose docstrings, comments and names of tests are checked.
CODE = ("bench", "cpp", "tests", "tools")


SUFFIXES = (".py", ".md", ".rst", ".cpp", ".hpp")


class Pattern(NamedTuple):
    """What to avoid, what to write instead, and an example of each."""

    avoid: str
    instead: str
    wrong: str
    right: str


_COUNTED = (
    "seconds|rows|bytes|bits|tokens|numbers|nats|iterations|sweeps|epochs|steps|draws|times|calls"
    "|words|points|figures|parameters|chains|starts|once|twice|ms|MB|s"
)
_EACH = (
    "row|task|iteration|sweep|epoch|start|token|document|second|minute|core|thread|component|topic"
    "|batch|step|draw|digit|pixel|model|word|block|pass|unit|column|chain|fit|machine|line|page"
    "|feature|parameter|kernel|cluster|level|group|file|weight|test|case|run|peer"
)

#: British spellings, as stems, with the American ones.
_SPELLING = {
    "behaviour": "behavior",
    "colour": "color",
    "favour": "favor",
    "harbour": "harbor",
    "honour": "honor",
    "neighbour": "neighbor",
    "grey": "gray",
    "licence": "license",
    "centre": "center",
    "centring": "centering",
    "analyse": "analyze",
    "judgement": "judgment",
    "labell": "label",
    "modell": "model",
    "cancell(?!ation)": "cancel",
    "travell": "travel",
    "learnt": "learned",
    "whilst": "while",
    **{
        f"{stem}is(?=e|ing|ation)": f"{stem}iz"
        for stem in (
            *("binar", "discret", "factor", "final", "general", "initial", "local", "marginal"),
            *("maxim", "minim", "normal", "optim", "organ", "parallel", "parametr", "penal"),
            *("quant", "random", "recogn", "regular", "serial", "special", "standard", "summar"),
            *("symmetr", "synchron", "token", "util", "vector", "visual", "real", "author"),
        )
    },
}

PATTERNS = (
    Pattern(
        rf"\b(?:{_COUNTED}) an? (?:{_EACH})\b",
        "per (or: each)",
        "seconds an iteration",
        "seconds per iteration",
    ),
    Pattern(
        r"\b(?:tells?|told|telling)\b",
        "says which, shows, reports, predicts, is (name what happens)",
        "the model tells how likely it is",
        "the model predicts its probability",
    ),
    Pattern(
        r"\bbeside\b",
        "next to, compared with, in addition to, along with",
        "1.28 times beside tomotopy",
        "1.28x the speed of tomotopy",
    ),
    Pattern(
        r"(?<!here )\b(?:is|are|was|were) no (?!longer|more|less|fewer|greater|larger|smaller)",
        "is not a",
        "X is no array of numbers",
        "there is no file; X is not a numeric array; it is no longer used",
    ),
    Pattern(r"\bnobody\b", "no one, or the passive", "strokes that nobody drew", "hidden units"),
    Pattern(r"\bdear(?:er|est)?\b", "expensive, slow", "the dearest step", "the slowest step"),
    Pattern(
        r"\b(?:hopeless|runs? away|ran away|foretells?|likel(?:ier|iest)|mends?|mended)\b",
        "name what happens: diverges, predicts, more likely, repairs",
        "the likelier of the two",
        "the more likely of the two",
    ),
    Pattern(
        r"\b(?:dreams?|dreamt|dreamed|dreaming)\b",
        "samples (drawn from the model)",
        "dreams of digits",
        "samples of digits",
    ),
    Pattern(
        r"\bdoubts?\b",
        "uncertainty; soft (assignment)",
        "groups with doubt",
        "soft clustering",
    ),
    Pattern(
        r"\b(?:goes|go|going|went) on\b",
        "continues, resumes",
        "the fit goes on",
        "the fit continues",
    ),
    Pattern(
        r"\b(?:hands?|handed) (?:it |them |\w+s )?back\b",
        "returns",
        "hands back the labels",
        "returns the labels",
    ),
    Pattern(
        r"\b(?:stands?(?! for\b)|stood)\b",
        "is; differs; is stored",
        "the value that stands in the file",
        "the value in the file; n stands for the number of rows",
    ),
    Pattern(r"\bwants\b", "needs, requires", "it wants a smaller rate", "it needs a smaller rate"),
    Pattern(
        r"\bknows\b",
        "has, accepts, supports, represents",
        "it knows a weight to 17 bits",
        "it represents a weight with 17 bits",
    ),
    Pattern(
        r"(?<![,;:] )(?<!case )\bwhere (?:an?|there|it|they|both|nothing|none|one|this)\b",
        "if, when; in which",
        "raises an error where a component collapses",
        "raises an error if a component collapses; p_k f_k, where a is the sum",
    ),
    Pattern(
        r"\b(?:sa(?:id|y|ys) of|says nothing|it is said)\b",
        "describes, applies to, is documented for",
        "what is said of the rows",
        "what the rows contain",
    ),
    Pattern(
        r"\b(?:in the order of (?:their|its)|from (?:below|above) and from)\b",
        "sorted by; lower and upper bound",
        "in the order of their size",
        "sorted by size",
    ),
    *(
        Pattern(rf"\b\w*{wrong}", right, re.sub(r"\(.*", "e", wrong) + "d", right)
        for wrong, right in _SPELLING.items()
    ),
)


class Text(NamedTuple):
    """A text for readers and its line."""

    line: int
    kind: str
    words: str


def compiled(avoid: str) -> re.Pattern[str]:
    """Return the expression of a pattern; its spaces match line breaks, too."""
    parts = re.split(r"(\(\?<!.*?\))", avoid)  # one lookbehind has one width
    spaced = (p.replace(" ", r"\s" if p.startswith("(?<!") else r"\s+") for p in parts)
    return re.compile("".join(spaced), re.IGNORECASE)


COMPILED = [(compiled(pattern.avoid), pattern.instead) for pattern in PATTERNS]


def found(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield each match with its line in the text and what to write instead."""
    for expression, instead in COMPILED:
        for match in expression.finditer(text):
            yield text.count("\n", 0, match.start()), " ".join(match[0].split()), instead


# ---- what is read ------------------------------------------------------------------------------


def prose(markdown: str) -> str:
    """Return a page without its code and formulas, with the same number of lines."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    text = re.sub(r"^( *)(`{3,}).*?^\1\2", blank, markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|\$\$.*?\$\$", blank, text, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)", "`", text)


def page_texts(path: Path) -> Iterator[Text]:
    """Yield the prose of a page of Markdown or reStructuredText."""
    yield Text(1, "page", prose(path.read_text(encoding="utf-8")))


def _public(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the module and its public classes, functions and methods."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            inner
            for inner in getattr(node, "body", ())
            if isinstance(inner, (ast.ClassDef, ast.FunctionDef))
            and not inner.name.startswith("_")
            and not isinstance(node, ast.FunctionDef)
        ]


def _literal(node: ast.AST) -> str | None:
    """Return the text of a literal, with dots for the expressions of an f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) or "..." for part in node.values)
    return None


def source_texts(path: Path, everything: bool = False) -> Iterator[Text]:
    """Yield messages, help and public docstrings of a module, or all docstrings and comments."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, str(path))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value): node
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
    }
    public = {id(node) for node in _public(tree)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        words = None if id(node) in inner else _literal(node)
        if words is None:
            continue
        owner = docstrings.get(id(node))
        if owner is None:
            if words.count(" ") >= 2:
                yield Text(node.lineno, "message", words)
        elif everything or id(owner) in public:
            yield Text(node.lineno, "docstring", re.sub(r"``[^`]*``|`[^`]*`", "`", words))
    if everything:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield Text(token.start[0], "comment", token.string)


def names_of_tests(path: Path) -> Iterator[Text]:
    """Yield the names of the tests of a module, as words."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(node.lineno, "name", node.name.replace("_", " "))


def cxx_texts(path: Path) -> Iterator[Text]:
    """Yield the comments of a C++ file; adjacent lines are one text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [(n, line.partition("//")[2]) for n, line in enumerate(lines, 1) if "//" in line]
    texts: list[Text] = []
    for n, words in comments:
        if texts and n == texts[-1].line + texts[-1].words.count("\n") + 1:
            texts[-1] = texts[-1]._replace(words=f"{texts[-1].words}\n{words}")
        else:
            texts.append(Text(n, "comment", words))
    yield from texts


def texts_of(path: Path, everything: bool) -> Iterator[Text]:
    """Yield the texts of a file of any kind."""
    if path.suffix in (".cpp", ".hpp"):
        return cxx_texts(path)
    if path.suffix == ".py":
        return source_texts(path, everything)
    return page_texts(path)


def findings(path: Path, everything: bool = False) -> list[str]:
    """Return a line for each pattern found in a file."""
    return reported(path, texts_of(path, everything))


def reported(path: Path, texts: Iterable[Text]) -> list[str]:
    """Return a line for each pattern found in texts of a file."""
    hits = [
        (text.line + line, text.kind, what, instead)
        for text in texts
        for line, what, instead in found(text.words)
    ]
    return [
        f"{path}:{line}: {kind}: {what!r}; write: {instead}"
        for line, kind, what, instead in sorted(hits)
    ]


def files(folder: Path) -> list[Path]:
    """Return the modules, pages and C++ files of a folder, or the one file."""
    if folder.is_file():
        return [folder]
    return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


# ---- tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_in_plain_english(name: str) -> None:
    paths = [p for p in files(ROOT / name) if "generated" not in p.parts]
    assert paths, f"there is no {name}"
    lines = [line for path in paths for line in findings(path, everything=True)]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", CLEAN)
def test_messages_docstrings_and_comments_are_in_plain_english(name: str) -> None:
    paths = [p for p in files(SRC / name) if p.suffix == ".py"]
    assert paths, f"there is no {name}"
    lines = [line for path in paths for line in findings(path, everything=True)]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", CODE)
def test_code_is_described_in_plain_english(name: str) -> None:
    paths = [p for p in files(ROOT / name) if p.suffix in (".py", ".cpp", ".hpp")]
    assert paths, f"there is no {name}"
    lines: list[str] = []
    for path in paths:
        texts = [text for text in texts_of(path, everything=True) if text.kind != "message"]
        texts += names_of_tests(path) if path.suffix == ".py" else ()
        lines += reported(path, texts)
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.wrong)
def test_pattern_matches_only_its_wrong_example(pattern: Pattern) -> None:
    expression = compiled(pattern.avoid)
    assert expression.search(pattern.wrong)
    assert expression.search(pattern.wrong.replace(" ", "\n    "))
    assert not expression.search(pattern.right)


def test_code_is_not_checked(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\ncolour = 1  # tells\n```\n\n`n_colours` of\n\nIt tells\nmore.\n")
    assert findings(page) == [f"{page}:7: page: 'tells'; write: {PATTERNS[1].instead}"]
    module = tmp_path / "module.py"
    module.write_text(
        '"""A colour."""\n\n\ndef f(colour):\n    """Read ``colour``."""\n'
        '    raise ValueError(f"{colour} is no number")  # dear\n\n\n'
        'def _g():\n    """Tells."""\n'
    )
    assert [line.split(": ")[1] for line in findings(module)] == ["docstring", "message"]
    assert len(findings(module, everything=True)) == 4


def test_comments_of_cxx_and_names_of_tests_are_checked(tmp_path: Path) -> None:
    source = tmp_path / "kernel.cpp"
    source.write_text("int colour = 0;\n// It goes\n// on.\n\nint x = 1;  // tells\n")
    assert [line.split(":")[1] for line in findings(source)] == ["2", "5"]
    module = tmp_path / "test_module.py"
    module.write_text("def test_it_goes_on():\n    pass\n")
    assert len(reported(module, names_of_tests(module))) == 1


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for file in files(Path(argument)):
            for line in findings(file, everything=True):
                print(line)
