"""The report of a topic model under its former name; see :mod:`gibbous.lda.report.page`."""

from __future__ import annotations

from .lda.report.page import report_html, write_report

__all__ = ["report_html", "write_report"]
