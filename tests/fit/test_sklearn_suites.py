"""scikit-learn's own tests of these estimators, with only the import replaced.

The test modules come from the installed version of scikit-learn and are not copied here. Each runs
in a separate interpreter with scikit-learn's fixtures. Tests that cannot pass are listed below with
a reason, must fail, and all concern private helpers.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

OURS = {
    "sklearn.cluster": ("KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"),
    "sklearn.mixture": ("BayesianGaussianMixture", "GaussianMixture"),
    "sklearn.neural_network": ("BernoulliRBM",),
}

#: Module of scikit-learn -> modules whose import is replaced, and the minimum number of tests (so
#: that a run that collects no tests fails).
SUITES = {
    "sklearn.mixture.tests.test_mixture": (("sklearn.mixture",), 4),
    # one test starts a mixture from KMeans(random_state=0) and expects the labels of the default
    # start in the same order, so that its K-means must be the one that our mixture uses
    "sklearn.mixture.tests.test_gaussian_mixture": (("sklearn.cluster", "sklearn.mixture"), 60),
    "sklearn.mixture.tests.test_bayesian_mixture": (("sklearn.mixture",), 12),
    "sklearn.cluster.tests.test_k_means": (("sklearn.cluster",), 250),
    "sklearn.neural_network.tests.test_rbm": (("sklearn.neural_network",), 15),
}

#: Tests of scikit-learn's private helpers, which other implementations do not have.
PRIVATE: dict[str, dict[str, str]] = {
    "sklearn.mixture.tests.test_mixture": {},
    "sklearn.mixture.tests.test_gaussian_mixture": {
        "test_gaussian_mixture_precisions_init": (
            "asks scikit-learn's _set_parameters and _initialize what precisions a start gives"
        ),
        "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
            "counts the calls of a private function of scikit-learn's own module"
        ),
    },
    "sklearn.mixture.tests.test_bayesian_mixture": {
        "test_compare_covar_type": (
            "asks scikit-learn's _check_parameters and _initialize_parameters for a start"
        ),
    },
    "sklearn.cluster.tests.test_k_means": {},
    "sklearn.neural_network.tests.test_rbm": {
        "test_fit_gibbs": "pins weights to four digits that one random stream of NumPy's leads to",
    },
}

#: Reasons for skips that scikit-learn's own modules give; any other reason is a failure here.
SKIPS = ("SCIPY_ARRAY_API", "not checking array_api")


def swapped(source: str, modules: tuple[str, ...]) -> str:
    """Return the source with our names imported from gibbous; every other line is unchanged."""
    lines = source.splitlines()
    swaps = 0
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ImportFrom) or node.module not in modules:
            continue
        names: dict[bool, list[str]] = {True: [], False: []}
        for alias in node.names:
            text = alias.name + (f" as {alias.asname}" if alias.asname else "")
            names[alias.name in OURS[node.module]].append(text)
        new = []
        if names[True]:
            new.append(f"from gibbous import {', '.join(names[True])}")
            swaps += 1
        if names[False]:
            new.append(f"from {node.module} import {', '.join(names[False])}")
        # one line replaces the statement's first, so that line numbers are unchanged
        first, last = node.lineno - 1, (node.end_lineno or node.lineno)
        lines[first:last] = ["; ".join(new)] + [""] * (last - first - 1)
    assert swaps == len(modules), f"{swaps} imports swapped, {len(modules)} expected"
    return "\n".join(lines) + "\n"


def outcomes(report: Path) -> dict[str, tuple[str, str]]:
    """Return name -> (outcome, message) of a JUnit report."""
    results = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        outcome, message = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome, message = child.tag, child.get("message", "")
        name = case.get("name", "")
        assert name not in results, f"{name} ran twice"
        results[name] = (outcome, message)
    return results


@pytest.mark.parametrize("module", SUITES)
def test_suite(module: str, tmp_path: Path) -> None:
    modules, least = SUITES[module]
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    file = tmp_path / f"{module.rpartition('.')[2]}.py"
    file.write_text(swapped(source, modules), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}"),
            *("-p", "sklearn.conftest", "-p", "no:cacheprovider", str(file)),
        ],
        cwd=tmp_path,
        # both dtypes, where scikit-learn by default runs float64 only; one process
        env={**os.environ, "SKLEARN_RUN_FLOAT32_TESTS": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode in (0, 1), done.stdout[-4000:] + done.stderr[-4000:]
    results = outcomes(report)
    private = PRIVATE[module]

    def listed(name: str) -> bool:
        return name in private or name.partition("[")[0] in private

    failed = {n: m for n, (o, m) in results.items() if o in ("failure", "error")}
    unexpected = {n: m for n, m in failed.items() if not listed(n)}
    assert not unexpected, "\n".join(
        [f"{len(unexpected)} of {len(results)} failed:"]
        + [f"  {n}: {m[:300]}" for n, m in unexpected.items()]
        + [done.stdout[-6000:]]
    )
    stale = [n for n, (o, _) in results.items() if listed(n) and o == "passed"]
    assert not stale, f"listed as inapplicable, but passing: {stale}"
    missing = private.keys() - {n for n in results} - {n.partition("[")[0] for n in results}
    assert not missing, f"listed, but not in this scikit-learn: {missing}"
    odd = {
        n: m for n, (o, m) in results.items() if o == "skipped" and not any(s in m for s in SKIPS)
    }
    assert not odd, f"skipped for an unknown reason: {odd}"
    passed = sum(o == "passed" for o, _ in results.values())
    skipped = sum(o == "skipped" for o, _ in results.values())
    print(f"{module}: {passed} passed, {skipped} skipped, {len(failed)} private")
    assert passed + skipped == len(results) - len(failed)
    assert passed >= least
