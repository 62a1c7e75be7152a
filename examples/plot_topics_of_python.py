"""
What Python's own documentation is about
========================================

Topics of the docstrings of the standard library. Nobody told the model what the modules are for.
"""

import ast
import sysconfig
import warnings
from pathlib import Path

import matplotlib.pyplot as plt

from gibbous import Corpus, LatentDirichletAllocation
from gibbous.plot import plot_history, plot_topics

texts = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of escapes in files that are not ours
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-z]*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                texts[f"{path.stem}.{node.name}"] = ast.get_docstring(node) or ""

corpus = Corpus.from_texts(
    texts.values(), names=list(texts), stop_words="english", token_pattern=r"[a-z]{4,}", min_df=5
)
lda = LatentDirichletAllocation(12, max_iter=150, random_state=0).fit(corpus)
print(corpus)

# %%

plot_topics(lda, plt.figure(figsize=(9, 7), layout="constrained"), top_n=7)

# %%
# The joint log-likelihood of words and topics, looked at every tenth sweep. Fast sweeps do most of
# the work; the last twenty are exact ones.

plot_history(lda.history_)
plt.show()
