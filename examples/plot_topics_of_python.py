"""
Topics of Python's documentation
================================

Topics of the docstrings of the standard library. The model uses no information about the modules.
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
    warnings.simplefilter("ignore")  # escape sequences in files of the library
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
# The joint log-likelihood of words and topics, computed every tenth sweep. Most sweeps are fast
# ones; the last twenty are exact.

plot_history(lda.history_)
plt.show()
