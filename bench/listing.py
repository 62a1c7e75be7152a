"""The command ``list``: groups, suites, cases and implementations."""

from __future__ import annotations

from . import adapters, kinds, suites


def text() -> str:
    """Return everything that has a name."""
    lines = ["groups:"]
    lines += [f"  {name:<12} {len(names):>3} cases" for name, names in kinds.GROUPS.items()]
    lines += ["suites:"]
    lines += [f"  {name}" for name in suites.SUITES]
    lines += ["cases:"]
    lines += [f"  {_case(case)}" for kind in kinds.KINDS for case in kind.cases.values()]
    lines += ["implementations:"]
    for family, known in adapters.FAMILIES.items():
        for name in known:
            adapter = adapters.find(name, family)
            lines.append(f"  {family:<9} {name:<9} {adapters.missing(adapter) or 'installed'}")
    return "\n".join(lines)


def _case(case: object) -> str:
    known = vars(case)
    name = f"{known['name']:<25}"
    if "says" in known:
        return f"{name} {known['says']}"
    if "covariance" in known:
        shape = f"n {known['n']:>9,} d {known['d']:>3} k {known['k']:>3} {known['dtype']}"
        return f"{name} {known['kind']:<9} {known['covariance']:<10} {shape}"
    if "corpus" in known:
        return f"{name} {known['kind']:<9} {known['corpus']:<10} k {known['k']:>6,}"
    if "batch" in known:
        method = f"{known['method'].upper()}-{known['k']}"
        return f"{name} {method:<9} h {known['hidden']:>5,} batch {known['batch']}"
    if "share" in known:
        return f"{name} {known['data']}, {known['share']:.0%} removed"
    return f"{name} ours only, {known['states']}"
