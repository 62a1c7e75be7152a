"""The documentation: what its pages show, run; what they say of the library, compared with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT, blocks, run_page

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if any(blocks(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_what_a_page_shows_is_what_it_prints(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    run_page(page)
