"""The plots of the page: SVG in the page's colors, so that one plot serves light and dark mode.

The colors are those of Okabe and Ito (2008), which color-blind readers can distinguish, and a gray.
gibbous always has the same one. No implementation is identified by its color alone: each has a
marker, each variant a dash.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any

from . import wording
from .trends import Line, speed_up

#: Hex values that matplotlib writes, and the page's variables that take their place. Ours first.
VARIABLES = {
    "#d55e00": "--ours",
    "#0072b2": "--peer-1",
    "#009e73": "--peer-2",
    "#cc79a7": "--peer-3",
    "#e69f00": "--peer-4",
    "#56b4e9": "--peer-5",
    "#6b7079": "--peer-6",
    "#101112": "--ink",
    "#909192": "--faint",
}
_OURS, *_PEERS, _INK, _FAINT = VARIABLES

_OUR_MARKER, _MARKERS = "o", "s^Dv<>PXd*"
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))

#: Inches, the legend apart: nine points stay readable at the width of a phone.
_WIDTH, _HEIGHT, _LEGEND_LINE = 4.6, 3.1, 0.17

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gibbous",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


class Looks:
    """How the lines of each implementation look, the same in every plot of a page."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self._peers: dict[str, int] = {}
        self._variants: dict[str, dict[str, int]] = {}
        for record in records:
            name = wording.name(record)
            if not record["ours"]:
                self._peers.setdefault(record["implementation"], len(self._peers))
            held = self._variants.setdefault(record["implementation"], {})
            held.setdefault(name, len(held))

    def of(self, name: str, ours: bool) -> dict[str, Any]:
        """Return matplotlib's arguments for the line of an implementation and variant."""
        implementation = next(i for i, names in self._variants.items() if name in names)
        dash = _DASHES[self._variants[implementation][name] % len(_DASHES)]
        if ours:
            return {"color": _OURS, "marker": _OUR_MARKER, "linestyle": dash, "zorder": 3}
        place = self._peers[implementation]
        return {
            "color": _PEERS[place % len(_PEERS)],
            "marker": _MARKERS[place % len(_MARKERS)],
            "linestyle": dash,
        }


def curves(records: list[dict[str, Any]], looks: Looks, number: str) -> str:
    """Return quality against seconds of one case and number of threads."""

    def draw(axes: Any) -> None:
        for record in records:
            seconds, quality = zip(*record["curve"], strict=True)
            look = looks.of(wording.name(record), record["ours"])
            axes.plot(seconds, quality, label=wording.name(record), **look)
        _logarithmic(axes.xaxis)
        axes.set_xlabel("seconds")
        names = {record["quality"]["name"] for record in records if record["quality"]}
        axes.set_ylabel(names.pop() if len(names) == 1 else "quality")

    return _svg(draw, number)


def scaling(lines: list[Line], looks: Looks, number: str) -> str:
    """Return the speedup over the fewest threads, and the ideal line."""

    def draw(axes: Any) -> None:
        fewest = min(line.points[0].x for line in lines)
        most = max(line.points[-1].x for line in lines)
        ideal = [fewest, most], [1.0, most / fewest]
        axes.plot(*ideal, color=_FAINT, linewidth=1, linestyle=(0, (2, 2)), label="ideal")
        for line in lines:
            threads, times = zip(*speed_up(line), strict=True)
            axes.plot(threads, times, label=line.name, **looks.of(line.name, line.ours))
        for axis in (axes.xaxis, axes.yaxis):
            _logarithmic(axis, base=2)
        axes.set_xticks(sorted({int(p.x) for line in lines for p in line.points}))
        axes.set_xlabel("threads")
        axes.set_ylabel("speedup over fewest threads")

    return _svg(draw, number)


def growth(lines: list[Line], looks: Looks, number: str) -> str:
    """Return seconds over a size, both as logarithms, with the fitted exponents."""

    def draw(axes: Any) -> None:
        for line in lines:
            x = [p.x for p in line.points]
            y = [p.median for p in line.points]
            error = [
                [p.median - p.low for p in line.points],
                [p.high - p.median for p in line.points],
            ]
            look = looks.of(line.name, line.ours)
            label = f"{line.name}: {line.exponent}"
            axes.errorbar(x, y, yerr=error, capsize=2, label=label, **look)
        for axis in (axes.xaxis, axes.yaxis):
            _logarithmic(axis)
        axes.set_xlabel(lines[0].along)
        axes.set_ylabel(lines[0].measure)

    return _svg(draw, number)


def _logarithmic(axis: Any, base: int = 10) -> None:
    """Set a logarithmic scale with plain numbers, also between the powers if there are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
    set_scale("log", base=base)
    low, high = sorted(axis.get_view_interval())
    subs = (1.0,) if base == 2 or high / low > 1e3 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=base, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: wording.short(value)))
    axis.set_minor_formatter(NullFormatter())


def _svg(draw: Callable[[Any], None], number: str) -> str:
    """Return what ``draw`` puts on a pair of axes as SVG; ``number`` keeps its ids apart."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        draw(axes)
        handles, labels = axes.get_legend_handles_labels()
        longest = max(map(len, labels))
        columns = 2 if len(labels) > 2 and longest < 36 else 1
        figure.set_figheight(_HEIGHT + _LEGEND_LINE * -(-len(labels) // columns))
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns)
        # names may contain dollar signs, which do not start formulas here
        for text in legend.get_texts():
            text.set_parse_math(False)
        axes.xaxis.label.set_parse_math(False)
        axes.yaxis.label.set_parse_math(False)
        buffer = io.StringIO()
        none = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=none)
    return _for_page(buffer.getvalue(), number)


def _for_page(svg: str, number: str) -> str:
    """Return the drawing of an SVG file, in the page's colors and font, with unique ids."""
    svg = svg[svg.index("<svg") :]
    for color, variable in VARIABLES.items():
        svg = re.sub(rf"(?i){color}\b", f"var({variable})", svg)
    svg = re.sub(r'\bid="', f'id="{number}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{number}-", svg)
    svg = re.sub(r"font: ([0-9.]+px) [^;\"]+", r"font-size: \1", svg)
    svg = re.sub(r' width="[0-9.]+pt"', "", svg, count=1)
    return re.sub(r' height="[0-9.]+pt"', "", svg, count=1).strip()
