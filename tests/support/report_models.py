"""Small models and corpora shared by the tests of topic reports."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from gibbous import Corpus, LatentDirichletAllocation

SKY = "moon tide star orbit comet planet eclipse crater"
MONEY = "stock bond bank credit market loan profit dividend"

#: Text that would run a script if it were treated as markup.
HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
    "<svg onload=window.hacked=1><!--<script> {{script}} \u2028 \u2029 &lt;b&gt; 'onload=\"x"
)


def texts(n: int = 60) -> list[str]:
    """Return texts about the sky and about money, alternately; those about the sky become rarer."""
    rng = np.random.default_rng(4)
    return [
        "The " + " and the ".join(rng.choice((SKY, MONEY)[at % 2].split(), size=12).tolist())
        for at in range(n)
    ]


def corpus() -> Corpus:
    """Return these texts as a corpus with names, labels and dates."""
    n = len(texts())
    return Corpus.from_texts(
        texts(),
        stop_words="english",
        names=[f"letter {at}" for at in range(n)],
        labels=["sky" if at % 2 == 0 else "money" for at in range(n)],
        dates=[1900 + at // 6 for at in range(n)],
    )


def fitted(X: Any, k: int = 2, **options: Any) -> LatentDirichletAllocation:
    """Return a model that separates sky and money."""
    usual = {"max_iter": 40, "settle_iter": 5, "doc_topic_prior": 0.1, "random_state": 1}
    return LatentDirichletAllocation(k, **(usual | options)).fit(X)


def many_topics(k: int = 500) -> tuple[LatentDirichletAllocation, Corpus]:
    """Return a model of many topics, and documents with a few words of one topic each."""
    rng = np.random.default_rng(2)
    n, n_words = 3 * k, 8 * k
    own = np.repeat(np.arange(k), 3)[:, None] * 8
    rows = (own + rng.integers(0, 12, (n, 30))) % n_words
    documents = [[f"word{w}" for w in row] for row in rows.tolist()]
    dates = rng.integers(1800, 1850, n)
    found = Corpus.from_tokens(documents, dates=dates)
    return fitted(found, k, max_iter=2, settle_iter=0, n_samples=1), found


def page_data(page: str) -> Any:
    """Return the contents of the data block of a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])
