"""One format of results for every group: flat records, which tables and pictures are made of.

A file of results is

    {"format": 2, "machine": {facts, "warnings": [str]}, "settings": {...}, "finished": bool,
     "peaks": null or {"gemm_flops_per_second": {"float32": {threads: x}, "float64": {...}},
                       "bandwidth_bytes_per_second": {threads: x}},
     "records": [RECORD, ...], and the parts that the detailed tables are made of}

where ``machine`` is as in ``machine.facts``, and a RECORD is one implementation, in one variant, at
one number of threads, on one case, in one measure:

- ``case``, ``group``, ``title``: the case's name, its group's, and the case in words;
- ``measure``: what ``value`` is, such as "seconds per iteration"; ``lower_is_better``;
- ``implementation``, ``variant``, ``ours``, ``threads``, ``versions`` ({distribution: version});
- ``status``: "ok", "different quality", "over limit", "failed" or "skipped"; ``reason``. Only "ok"
  is ranked, or a peer to beat;
- ``value``: {"median", "min", "max", "runs": [float]}, or null if nothing was measured;
- ``quality``: null or {"name", "value", "reference", "tolerance", "higher_is_better"}, what the
  common evaluator said; ``higher_is_better`` is null where either way is a fault;
- ``peak_bytes``: peak resident memory of the process and its children; ``beyond_bytes``: what of it
  came after the interpreter and the imports (topics and Boltzmann machines: and the data);
  ``data_bytes``: of the rows or the corpus that it was given;
- ``work``: null or some of {"flops", "bytes", "tokens", "rows"} of one unit of the measure:
  floating-point operations of the textbook's formulas, bytes of data that must be read once;
- ``sizes``: {"n", "d", "k", "tokens", ...}, on which exponents of growth are fitted;
- ``series``: the same in records that differ in a size or in threads only, else "";
- ``curve``: null or [[seconds, quality], ...];
- ``busy``: whether other work kept a part of the processors during a run.

Values are seconds unless the measure says otherwise. "seconds per sweep" refers to collapsed
Gibbs sampling and "seconds per proposal sweep" to samplers that need more sweeps for equal quality;
the two are never ranked together. "seconds to target quality" compares all.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from ..harness.settings import DIFFERENT, OK, SKIPPED

Record = dict[str, Any]
Part = dict[str, Any]

#: Defaults of a record.
_EMPTY: Record = {
    "variant": "",
    "status": OK,
    "reason": "",
    "lower_is_better": True,
    "value": None,
    "quality": None,
    "peak_bytes": None,
    "beyond_bytes": None,
    "data_bytes": None,
    "work": None,
    "sizes": {},
    "series": "",
    "curve": None,
    "busy": False,
    "versions": {},
}


def build(result: dict[str, Any]) -> list[Record]:
    """Return the records of a run's parts."""
    found: list[Record] = []
    for section, make in _MAKERS.items():
        for part in result[section]:
            common = {**_EMPTY, "case": part["name"], "series": part.get("series", "")}
            found += [_settled({**common, **record}) for record in make(part)]
    return found


def _settled(record: Record) -> Record:
    """Return the record, which is not "ok" if nothing was measured."""
    if record["status"] == OK and record["value"] is None:
        return {**record, "status": SKIPPED, "reason": record["reason"] or "no run finished"}
    return record


def value(runs: list[float]) -> dict[str, Any]:
    """Return median, least and largest of some runs, and all of them."""
    return {"median": statistics.median(runs), "min": min(runs), "max": max(runs), "runs": runs}


def short(n: float) -> str:
    """Return a number in short form: 100k, 2.2M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= unit:
            return f"{n / unit:.3g}{name}"
    return f"{n:g}"


def _who(row: dict[str, Any]) -> Record:
    names = ("implementation", "ours", "status", "reason", "busy", "versions", "peak_bytes")
    return {name: row[name] for name in names if name in row}


# ---- mixtures and K-means ----


def _of_matrices(part: Part) -> Iterator[Record]:
    unit = part["unit"]
    shape = f"n {short(part['n'])} d {part['d']} k {part['k']}"
    words = {"gmm": "", "bgmm": "variational, ", "kmeans": "K-means, ", "kmeans++": "k-means++, "}
    kind = words[part["kind"]] + (f"{part['covariance']}, " if part["covariance"] else "")
    common = {
        "group": part["group"] or part["kind"].removesuffix("++"),
        "title": kind + shape + (", float32" if part["dtype"] == "float32" else ""),
        "measure": f"seconds per {unit}",
        "threads": part["threads"],
        "data_bytes": part["data_bytes"],
        "work": _work(part),
        "sizes": {name: part[name] for name in ("n", "d", "k")},
    }
    mixture = part["kind"] in ("gmm", "bgmm")
    for row in part["results"]:
        record = {**common, **_who(row)}
        if "seconds" in row:
            if row["seconds"]["median"] > 0:
                record["value"] = row["seconds"]
            elif row["status"] == OK:
                record["status"] = SKIPPED
                record["reason"] = (
                    "below the resolution of the clock: more iterations took no longer"
                )
            record["beyond_bytes"] = row["bytes_beyond_interpreter"]
            record["quality"] = {
                "name": part["quality"],
                "value": row["value"],
                "reference": part["reference"],
                "tolerance": abs(part["reference"]) * part["tolerance"],
                # equal starts must give equal results; drawn centers may be better
                "higher_is_better": None if part["kind"] != "kmeans++" else mixture,
            }
        yield record


def _work(part: Part) -> dict[str, float]:
    """Return operations of the E- and M-step, or of the distances, and the data's bytes."""
    n, d, k = (float(part[name]) for name in ("n", "d", "k"))
    rows = {"rows": n, "bytes": float(part["data_bytes"])}
    flops = {
        "full": 2 * n * k * d * d,
        "tied": 2 * n * d * d + 4 * n * k * d,
        "diag": 8 * n * k * d,
        "spherical": 4 * n * k * d,
        "": 2 * n * k * d,
    }[part["covariance"]]
    # draws of centers use some trials per center, and each implementation chooses their number
    return rows if part["kind"] == "kmeans++" else {**rows, "flops": flops}


# ---- topics ----


def _of_topics(part: Part) -> Iterator[Record]:
    facts = part.get("facts")
    if facts is None:
        return
    curve = part["kind"] == "lda-curve"
    common: Record = {
        "group": part["group"] or part["kind"],
        "title": f"{part['corpus']}, {short(facts['n_tokens'])} tokens, {part['k']} topics",
        "measure": "seconds to target quality" if curve else "seconds per sweep",
        "sizes": {
            "n": facts["n_documents"],
            "words": facts["n_words"],
            "tokens": facts["n_tokens"],
            "k": part["k"],
        },
    }
    for row in part["results"]:
        record = {**common, **_who(row), "variant": row["variant"], "threads": row["threads"]}
        if "seconds" not in row:
            yield record
            continue
        tokens = row["runs"][0]["n_tokens"]
        record["sizes"] = {**common["sizes"], "tokens": tokens}
        record["beyond_bytes"] = row["bytes_beyond_corpus"]
        record["data_bytes"] = row["runs"][0]["corpus_bytes"]
        yield from (_of_curve if curve else _of_sweeps)(record, row, float(tokens))


def _of_curve(record: Record, row: dict[str, Any], tokens: float) -> Iterator[Record]:
    looks = [look for look in row["quality"] if look["perplexity"] is not None]
    record["curve"] = [[look["sampling_seconds"], look["perplexity"]] for look in looks]
    if row["figure"] is not None:
        record["value"] = value([row["figure"]])
    elif row["status"] == OK and row["target"] is not None:
        record |= {"status": DIFFERENT, "reason": "did not reach the target"}
    elif row["status"] == OK:
        record["reason"] = "no peer sets a target"
    if looks and row["target"]:
        record["quality"] = {
            "name": "held-out perplexity",
            "value": looks[-1]["perplexity"],
            "reference": row["target"],
            "tolerance": 0.0,
            "higher_is_better": False,
        }
    yield record


def _of_sweeps(record: Record, row: dict[str, Any], tokens: float) -> Iterator[Record]:
    if row["proposals"]:
        record["measure"] = "seconds per proposal sweep"
    yield {
        **record,
        "value": row["seconds"],
        "quality": row.get("check"),
        "work": {"tokens": tokens},
    }


# ---- Boltzmann machines ----


def _of_machines(part: Part) -> Iterator[Record]:
    n, d, hidden = part["facts"]["n"], part["facts"]["d"], part["hidden"]
    common: Record = {
        "group": part["group"] or "rbm",
        "title": f"{part['method'].upper()}-{part['k']}, {hidden} hidden, batch {part['batch']}",
        "measure": "seconds per epoch",
        "data_bytes": n * d,
        # products of a row: up, k times down and up, and both phases of the gradient
        "work": {
            "rows": float(n),
            "bytes": float(n * d),
            "flops": 2.0 * n * d * hidden * (1 + 2 * part["k"] + 2),
        },
        "sizes": {"n": n, "d": d, "k": hidden, "batch": part["batch"]},
    }
    for row in part["results"]:
        record = {**common, **_who(row), "variant": row["variant"], "threads": row["threads"]}
        if "seconds" in row:
            record["value"] = row["seconds"]
            record["beyond_bytes"] = row["bytes_beyond_data"]
        if "quality" in row:
            record["quality"] = _furthest(part, row["quality"])
        yield record


def _furthest(part: Part, found: dict[str, float]) -> dict[str, Any]:
    """Return the figure that differs more from the reference's."""
    known = part["reference"]
    name = max(known, key=lambda name: abs(found[name] / known[name] - 1.0))
    return {
        "name": name.replace("_", "-") + ", nats per test row",
        "value": found[name],
        "reference": known[name],
        "tolerance": abs(known[name]) * part["tolerance"],
        "higher_is_better": None,
    }


def _of_quality(part: Part) -> Iterator[Record]:
    kind = part["log_z"]
    record: Record = {
        "group": "rbm-quality",
        "title": f"{part['settings']['n_components']} hidden, {part['states']}",
        "measure": "test log-likelihood",
        "lower_is_better": False,
        "implementation": "gibbous",
        "variant": kind,
        "ours": True,
        "threads": part["threads"],
        "status": part["status"],
        "reason": part["reason"],
    }
    if kind in part:
        record["value"] = value([part[kind]["test_log_likelihood"]])
        record["peak_bytes"] = part["peak_bytes"]
        record["versions"] = part["versions"]
    yield record


# ---- rows with holes ----

#: Relative excess over the best error up to which a method counts as equal.
_WORSE = 0.05


def _of_holes(part: Part) -> Iterator[Record]:
    common = {
        "group": "impute",
        "title": f"{part['data']}, {part['share']:.0%} of entries removed",
        "threads": part["threads"],
        "sizes": {"share": part["share"]},
    }
    best = min((statistics.fmean(r["rmse"]) for r in part["results"] if "rmse" in r), default=0.0)
    for row in part["results"]:
        record = {**common, **_who(row), "variant": row["variant"]}
        if "rmse" not in row:
            yield {**record, "measure": "RMSE"}
            continue
        yield {**record, "measure": "RMSE", "value": value(row["rmse"])}
        # a method with larger errors is not ranked
        error = statistics.fmean(row["rmse"])
        record["quality"] = {
            "name": "RMSE",
            "value": error,
            "reference": best,
            "tolerance": _WORSE * best,
            "higher_is_better": False,
        }
        if record["status"] == OK and error > (1 + _WORSE) * best:
            record["status"] = DIFFERENT
            record["reason"] = f"RMSE {error:.3g}; the best is {best:.3g}"
        yield {**record, "measure": "seconds to impute", "value": value([row["seconds"]])}


# ---- groups that run as a whole ----


def _of_wholes(part: Part) -> Iterator[Record]:
    make = {"small": _of_small, "squarem": _of_squarem, "outofcore": _of_file}
    for record in make.get(part["name"], _of_imports)(part):
        yield {"group": part["name"], "threads": part["threads"], **record}


def _of_small(part: Part) -> Iterator[Record]:
    for row in part["rows"]:
        name = f"{row['data']}, {row['model']}, {row['start']} initialization"
        record: Record = {
            "case": "small-"
            + "-".join((row["data"], row["model"], row["start"])).replace(" ", "-"),
            "title": name,
            "measure": "seconds per fit",
            "implementation": part["ours"],
            "ours": True,
            "status": row["status"],
            "reason": row["reason"],
            "sizes": {key: row[key] for key in ("n", "d", "k") if key in row},
        }
        if "ours_seconds" not in row:
            yield record
            continue
        higher = row["model"].startswith("gmm")
        name = "mean log-likelihood" if higher else "inertia"
        for side, ours in (("ours", True), ("peer", False)):
            quality = {
                "name": name,
                "value": row[f"{side}_value"],
                "reference": row["peer_value"],
                "tolerance": row["tolerance"],
                "higher_is_better": None if row["start"] == "given" else higher,
            }
            yield {
                **record,
                "implementation": part["ours"] if ours else "scikit-learn",
                "ours": ours,
                # gibbous is compared with the peer
                "status": row["status"] if ours else OK,
                "value": value(row[f"{side}_runs"]),
                "quality": quality,
                "versions": part["versions"],
            }


def _of_squarem(part: Part) -> Iterator[Record]:
    for row in part["rows"]:
        for variant in ("em", "squarem"):
            yield {
                "case": f"squarem-{row['data']}-{row['k']}-{row['tol']:g}".replace(" ", "-"),
                "title": f"{row['data']}, k {row['k']}, tol {row['tol']:g}",
                "measure": "seconds per fit",
                "implementation": "gibbous",
                "variant": variant,
                "ours": True,
                "value": value([row[variant]["seconds"]]),
                "sizes": {
                    **{name: row[name] for name in ("n", "d", "k")},
                    "evaluations": row[variant]["evaluations"],
                },
                "quality": {
                    "name": "mean log-likelihood",
                    "value": row[variant]["value"],
                    "reference": row["em"]["value"],
                    "tolerance": 0.0,
                    "higher_is_better": True,
                },
            }


def _of_file(part: Part) -> Iterator[Record]:
    told = part["told"]
    n, d, k = told["n"], told["d"], told["k"]
    for fit in told["fits"]:
        for variant, name in (("from memory", "memory"), ("cached", "warm"), ("disk", "cold")):
            file = name != "memory"
            yield {
                "case": f"outofcore-{fit['kind']}",
                "title": f"{fit['kind']}, {told['bytes'] / 1e9:.3g} GB file",
                "measure": "seconds per iteration",
                "implementation": "gibbous",
                "variant": variant,
                "ours": True,
                "status": fit["status"],
                "value": value([fit[name]]),
                "peak_bytes": fit["peak"] if file else None,
                "beyond_bytes": fit["peak"] - fit["imports"] if file else None,
                "data_bytes": told["bytes"],
                "work": {"rows": float(n), "bytes": float(told["bytes"])},
                "sizes": {"n": n, "d": d, "k": k},
            }


def _of_imports(part: Part) -> Iterator[Record]:
    for row in part["rows"]:
        record = {
            **_who(row),
            "case": row["case"],
            "title": row["title"],
            "measure": row["measure"],
        }
        if row["seconds"]:
            record["value"] = value(row["seconds"])
        yield record


_MAKERS: dict[str, Callable[[Part], Iterator[Record]]] = {
    "cases": _of_matrices,
    "topics": _of_topics,
    "machines": _of_machines,
    "quality": _of_quality,
    "holes": _of_holes,
    "wholes": _of_wholes,
}
