"""``gibbous bench``: hands its arguments to the benchmark, where that is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

BENCHMARK = "gibbous.bench"


def run(arguments: list[str]) -> int:
    """Run the benchmark in a process of its own, and return its exit code.

    It starts other libraries, whose threads and OpenMP run-times are to meet nothing of ours.

    Raises
    ------
    ValueError
        If this installation has no benchmark.
    """
    if importlib.util.find_spec(BENCHMARK) is None:
        raise ValueError(
            "this installation has no benchmark (no module gibbous.bench); install a release with "
            "pip install 'gibbous[bench]', or run python -m bench in a checkout"
        )
    importlib.import_module(
        ".._ground.isa", __package__
    )  # reports a missing core for this processor in one line
    # options without a command belong to the most common one: gibbous bench --quick
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        arguments = ["run", *arguments]
    with subprocess.Popen([sys.executable, "-m", BENCHMARK, *arguments]) as process:
        while True:
            try:
                code = process.wait()
                # a signal's number, as shells report it
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                # Ctrl-C reaches the benchmark, too, which ends by itself
                continue
