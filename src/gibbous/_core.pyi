# Written by tools/stubs.py.
"""Numeric core of gibbous. Private: use the classes of the gibbous package."""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "ExactSampler",
    "FastSampler",
    "RbmRows32",
    "RbmRows64",
    "RbmSettings",
    "RbmUnits",
    "Terms",
    "build_info",
    "default_threads",
    "gmm_accumulate",
    "gmm_accumulate_missing",
    "gmm_complete",
    "gmm_factorise",
    "gmm_foldable",
    "gmm_posterior",
    "gmm_posterior_missing",
    "gmm_second_moments",
    "gmm_start",
    "gmm_survey",
    "gmm_update",
    "has_matrix_unit",
    "kmeans_assign",
    "kmeans_assign_csr",
    "kmeans_distances",
    "kmeans_distances_csr",
    "kmeans_minibatch",
    "kmeans_minibatch_csr",
    "kmeans_plusplus",
    "kmeans_plusplus_csr",
    "kmeans_step",
    "kmeans_step_csr",
    "lda_count_pairs",
    "lda_document_counts",
    "lda_document_histogram",
    "lda_fold_in",
    "lda_infer",
    "lda_infer_sparse",
    "lda_left_to_right",
    "lda_log_predictive",
    "mean_variance",
    "philox",
    "rbm_anneal",
    "rbm_conditionals",
    "rbm_draw_hidden",
    "rbm_exact_log_partition",
    "rbm_free_energies",
    "rbm_gibbs",
    "rbm_group_energies",
    "rbm_hidden_means",
    "rbm_pack_states",
    "rbm_train",
    "uniform",
    "uses_matrix_unit",
]

class Terms:
    """Numbers of words, in the order in which they are met."""

    def __init__(self, first: int) -> None: ...
    def number(self, text: bytes, grow: bool, unknown: int) -> numpy.typing.NDArray[numpy.int64]:
        """The numbers of all words of a text, which spaces part."""
    def words(self, first: int) -> list[bytes]:
        """The words from one number on."""
    @property
    def end(self) -> int:
        """The number past the last."""

class FastSampler:
    """Metropolis-Hastings sampler of topics on delayed counts."""

    def __init__(
        self,
        indptr: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        indices: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        counts: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        n_words: int,
        n_topics: int,
        n_proposals: int,
        z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16] | None,
        seed: int,
        n_threads: int,
    ) -> None: ...
    def frozen_totals(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def set_frozen_totals(
        self, totals: typing.Annotated[numpy.typing.ArrayLike, numpy.int64]
    ) -> None: ...
    def set_state(
        self, word: int, state: typing.Annotated[numpy.typing.ArrayLike, numpy.uint32]
    ) -> None: ...
    def state(self, word: int) -> numpy.typing.NDArray[numpy.uint32]: ...
    def sweep(
        self,
        alpha: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        beta: float,
        beta_sum: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seeds: tuple[
            typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
            typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
            typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        ]
        | None,
        seed: int,
        iteration: int,
        n_threads: int,
    ) -> None: ...
    def topics(self, n_threads: int) -> numpy.typing.NDArray[numpy.uint16]: ...
    def totals(self, n_threads: int) -> numpy.typing.NDArray[numpy.int64]: ...
    def word_counts(self, n_threads: int) -> tuple[typing.Any, ...]: ...
    @property
    def bytes(self) -> int: ...
    @property
    def state_words(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def topic_count(self) -> int: ...

class ExactSampler:
    """Collapsed Gibbs sampler of topics on current counts."""

    def __init__(
        self,
        indptr: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        indices: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        counts: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        n_words: int,
        n_topics: int,
        z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
        *,
        kernel: str = "auto",
        blocks: int = 0,
        n_threads: int = 1,
    ) -> None: ...
    def sweep(
        self,
        alpha: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        beta: float,
        beta_sum: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seeds: tuple[
            typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
            typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
            typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        ]
        | None,
        seed: int,
        iteration: int,
        n_threads: int,
    ) -> None: ...
    def topics(self, n_threads: int) -> numpy.typing.NDArray[numpy.uint16]: ...
    def totals(self) -> numpy.typing.NDArray[numpy.int64]: ...
    def word_counts(self, n_threads: int) -> tuple[typing.Any, ...]: ...
    @property
    def blocks(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def kernel(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def topic_count(self) -> int: ...

class RbmSettings:
    """Settings of training."""

    centered: bool
    def __init__(self) -> None: ...
    @property
    def batch_size(self) -> int: ...
    @batch_size.setter
    def batch_size(self, arg0: int) -> None: ...
    @property
    def fast_decay(self) -> float: ...
    @fast_decay.setter
    def fast_decay(self, arg0: float) -> None: ...
    @property
    def fast_rate(self) -> float: ...
    @fast_rate.setter
    def fast_rate(self, arg0: float) -> None: ...
    @property
    def gibbs_steps(self) -> int: ...
    @gibbs_steps.setter
    def gibbs_steps(self, arg0: int) -> None: ...
    @property
    def l1(self) -> float: ...
    @l1.setter
    def l1(self, arg0: float) -> None: ...
    @property
    def l2(self) -> float: ...
    @l2.setter
    def l2(self, arg0: float) -> None: ...
    @property
    def least_z(self) -> float: ...
    @least_z.setter
    def least_z(self, arg0: float) -> None: ...
    @property
    def mean_length(self) -> float: ...
    @mean_length.setter
    def mean_length(self, arg0: float) -> None: ...
    @property
    def method(self) -> int: ...
    @method.setter
    def method(self, arg1: int) -> None: ...
    @property
    def momentum(self) -> float: ...
    @momentum.setter
    def momentum(self, arg0: float) -> None: ...
    @property
    def most_z(self) -> float: ...
    @most_z.setter
    def most_z(self, arg0: float) -> None: ...
    @property
    def offset_rate(self) -> float: ...
    @offset_rate.setter
    def offset_rate(self, arg0: float) -> None: ...
    @property
    def rate(self) -> float: ...
    @rate.setter
    def rate(self, arg0: float) -> None: ...
    @property
    def seed(self) -> int: ...
    @seed.setter
    def seed(self, arg0: int) -> None: ...
    @property
    def sparsity_cost(self) -> float: ...
    @sparsity_cost.setter
    def sparsity_cost(self, arg0: float) -> None: ...
    @property
    def sparsity_decay(self) -> float: ...
    @sparsity_decay.setter
    def sparsity_decay(self, arg0: float) -> None: ...
    @property
    def sparsity_target(self) -> float: ...
    @sparsity_target.setter
    def sparsity_target(self, arg0: float) -> None: ...
    @property
    def temperatures(self) -> int: ...
    @temperatures.setter
    def temperatures(self, arg0: int) -> None: ...
    @property
    def variance_rate(self) -> float: ...
    @variance_rate.setter
    def variance_rate(self, arg0: float) -> None: ...

class RbmUnits:
    """What the units of a machine are."""

    def __init__(
        self, visible: int, hidden: int, groups: numpy.typing.NDArray[numpy.int64] | None = None
    ) -> None: ...

class RbmRows32:
    """Rows of visible states, not copied."""

    def __init__(
        self,
        n: int,
        d: int,
        *,
        bits: numpy.typing.NDArray[numpy.uint32] | None = None,
        bytes: numpy.typing.NDArray[numpy.uint8] | None = None,
        real: numpy.typing.NDArray[numpy.float32] | None = None,
        csr: tuple[
            numpy.typing.NDArray[numpy.float32],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ]
        | None = None,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float32] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

class RbmRows64:
    """Rows of visible states, not copied."""

    def __init__(
        self,
        n: int,
        d: int,
        *,
        bits: numpy.typing.NDArray[numpy.uint32] | None = None,
        bytes: numpy.typing.NDArray[numpy.uint8] | None = None,
        real: numpy.typing.NDArray[numpy.float64] | None = None,
        csr: tuple[
            numpy.typing.NDArray[numpy.float64],
            numpy.typing.NDArray[numpy.int32],
            numpy.typing.NDArray[numpy.int64],
        ]
        | None = None,
        scale: float = 1,
        sample: bool = False,
        ones: bool = False,
        weight: numpy.typing.NDArray[numpy.float64] | None = None,
    ) -> None: ...
    @property
    def n(self) -> int:
        """Rows."""

def build_info() -> dict[str, typing.Any]:
    """Compiler, instruction-set level and vector width of this build."""

def default_threads() -> int:
    """Threads that OpenMP would use now."""

@typing.overload
def gmm_accumulate(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
    entropy: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def gmm_accumulate(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    origin: numpy.typing.NDArray[numpy.float32] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
    entropy: numpy.typing.NDArray[numpy.float64] | None = None,
) -> float:
    """E-step and sufficient statistics; returns the weighted sum of log p(x)."""

@typing.overload
def gmm_accumulate_missing(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def gmm_accumulate_missing(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    origin: numpy.typing.NDArray[numpy.float32] | None,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> float:
    """E-step on what is observed, and expected statistics; returns the weighted sum of log p."""

@typing.overload
def gmm_complete(
    x: numpy.typing.NDArray[numpy.float64],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    filled: numpy.typing.NDArray[numpy.float64] | None,
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float64] | None,
    covariance: numpy.typing.NDArray[numpy.float64] | None,
    seed: int | None,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def gmm_complete(
    x: numpy.typing.NDArray[numpy.float32],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    filled: numpy.typing.NDArray[numpy.float32] | None,
    targets: numpy.typing.NDArray[numpy.int64] | None,
    variance: numpy.typing.NDArray[numpy.float32] | None,
    covariance: numpy.typing.NDArray[numpy.float32] | None,
    seed: int | None,
    threads: int,
) -> None:
    """What takes the place of missing entries: mean or draw, variance and covariance."""

@typing.overload
def gmm_factorise(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

@typing.overload
def gmm_factorise(
    covariance_type: str,
    k: int,
    d: int,
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """Cholesky factors of the precisions; returns the first component that fails, or -1."""

def gmm_foldable(covariance_type: str, d: int) -> bool:
    """Whether gmm_accumulate can refer its sums to the data's centre."""

@typing.overload
def gmm_posterior(
    x: numpy.typing.NDArray[numpy.float64],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

@typing.overload
def gmm_posterior(
    x: numpy.typing.NDArray[numpy.float32],
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
    log_weights: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Log-likelihood, responsibilities and labels of each row, where asked for."""

@typing.overload
def gmm_posterior_missing(
    x: numpy.typing.NDArray[numpy.float64],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    log_prob: numpy.typing.NDArray[numpy.float64] | None,
    responsibilities: numpy.typing.NDArray[numpy.float64] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""

@typing.overload
def gmm_posterior_missing(
    x: numpy.typing.NDArray[numpy.float32],
    rows: numpy.typing.NDArray[numpy.int64] | None,
    starts: numpy.typing.NDArray[numpy.int64] | None,
    covariance_type: str,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    log_prob: numpy.typing.NDArray[numpy.float32] | None,
    responsibilities: numpy.typing.NDArray[numpy.float32] | None,
    labels: numpy.typing.NDArray[numpy.int64] | None,
    threads: int,
) -> None:
    """Log-likelihood, responsibilities and labels by what is observed of each row."""

def gmm_second_moments(covariance_type: str, k: int, d: int, folded: bool) -> int:
    """Length of the second moments that gmm_accumulate writes."""

@typing.overload
def gmm_start(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    first_row: int = 0,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def gmm_start(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    covariance_type: str,
    origins: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32] | None,
    seed: int,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    threads: int,
    first_row: int = 0,
) -> None:
    """Statistics of given labels, or of random responsibilities."""

@typing.overload
def gmm_survey(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centre: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
    given: bool = False,
) -> float:
    """Spread and scatter about the data's centre, or a given one; returns the weight."""

@typing.overload
def gmm_survey(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centre: numpy.typing.NDArray[numpy.float64],
    spread: numpy.typing.NDArray[numpy.float64],
    radius2: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
    given: bool = False,
) -> float:
    """Spread and scatter about the data's centre, or a given one; returns the weight."""

@typing.overload
def gmm_update(
    covariance_type: str,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float64],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    weights: numpy.typing.NDArray[numpy.float64],
    means: numpy.typing.NDArray[numpy.float64],
    covariances: numpy.typing.NDArray[numpy.float64],
    precisions_cholesky: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """M-step; returns the first component that is not positive definite, or -1."""

@typing.overload
def gmm_update(
    covariance_type: str,
    nk: numpy.typing.NDArray[numpy.float64],
    s1: numpy.typing.NDArray[numpy.float64],
    s2: numpy.typing.NDArray[numpy.float64],
    origin: numpy.typing.NDArray[numpy.float32],
    scatter: numpy.typing.NDArray[numpy.float64] | None,
    reg_covar: float,
    weights: numpy.typing.NDArray[numpy.float32],
    means: numpy.typing.NDArray[numpy.float32],
    covariances: numpy.typing.NDArray[numpy.float32],
    precisions_cholesky: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """M-step; returns the first component that is not positive definite, or -1."""

def has_matrix_unit() -> bool:
    """Whether this build, the processor and the system have AMX."""

@typing.overload
def kmeans_assign(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def kmeans_assign(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """Labels of all rows; returns the inertia."""

@typing.overload
def kmeans_assign_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_assign for CSR rows."""

@typing.overload
def kmeans_assign_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_assign for CSR rows."""

@typing.overload
def kmeans_assign_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_assign for CSR rows."""

@typing.overload
def kmeans_assign_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_assign for CSR rows."""

@typing.overload
def kmeans_distances(
    x: numpy.typing.NDArray[numpy.float32],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def kmeans_distances(
    x: numpy.typing.NDArray[numpy.float64],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Euclidean distances of all rows to all centers."""

@typing.overload
def kmeans_distances_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """kmeans_distances for CSR rows."""

@typing.overload
def kmeans_distances_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    centers: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> None:
    """kmeans_distances for CSR rows."""

@typing.overload
def kmeans_distances_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """kmeans_distances for CSR rows."""

@typing.overload
def kmeans_distances_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    centers: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """kmeans_distances for CSR rows."""

@typing.overload
def kmeans_minibatch(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def kmeans_minibatch(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """One mini-batch update in place; returns the inertia before it."""

@typing.overload
def kmeans_minibatch_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_minibatch for CSR rows."""

@typing.overload
def kmeans_minibatch_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_minibatch for CSR rows."""

@typing.overload
def kmeans_minibatch_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_minibatch for CSR rows."""

@typing.overload
def kmeans_minibatch_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    counts: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    threads: int,
) -> float:
    """kmeans_minibatch for CSR rows."""

@typing.overload
def kmeans_plusplus(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def kmeans_plusplus(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """Row numbers of k starting centers by greedy k-means++."""

@typing.overload
def kmeans_plusplus_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """kmeans_plusplus for CSR rows."""

@typing.overload
def kmeans_plusplus_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float32] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """kmeans_plusplus for CSR rows."""

@typing.overload
def kmeans_plusplus_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """kmeans_plusplus for CSR rows."""

@typing.overload
def kmeans_plusplus_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    columns: int,
    weight: numpy.typing.NDArray[numpy.float64] | None,
    k: int,
    trials: int,
    seed: int,
    threads: int,
    prune: bool = True,
) -> numpy.typing.NDArray[numpy.int64]:
    """kmeans_plusplus for CSR rows."""

@typing.overload
def kmeans_step(
    x: numpy.typing.NDArray[numpy.float32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
    lower: numpy.typing.NDArray[numpy.float32] | None = None,
    drift: numpy.typing.NDArray[numpy.float64] | None = None,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration: inertia before it, labels changed, squared shift, clusters relocated."""

@typing.overload
def kmeans_step(
    x: numpy.typing.NDArray[numpy.float64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
    lower: numpy.typing.NDArray[numpy.float64] | None = None,
    drift: numpy.typing.NDArray[numpy.float64] | None = None,
) -> tuple[typing.Any, ...]:
    """One Lloyd iteration: inertia before it, labels changed, squared shift, clusters relocated."""

@typing.overload
def kmeans_step_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> tuple[typing.Any, ...]:
    """kmeans_step for CSR rows."""

@typing.overload
def kmeans_step_csr(
    data: numpy.typing.NDArray[numpy.float32],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float32] | None,
    centers: numpy.typing.NDArray[numpy.float32],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> tuple[typing.Any, ...]:
    """kmeans_step for CSR rows."""

@typing.overload
def kmeans_step_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int32],
    indptr: numpy.typing.NDArray[numpy.int32],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> tuple[typing.Any, ...]:
    """kmeans_step for CSR rows."""

@typing.overload
def kmeans_step_csr(
    data: numpy.typing.NDArray[numpy.float64],
    indices: numpy.typing.NDArray[numpy.int64],
    indptr: numpy.typing.NDArray[numpy.int64],
    weight: numpy.typing.NDArray[numpy.float64] | None,
    centers: numpy.typing.NDArray[numpy.float64],
    labels: numpy.typing.NDArray[numpy.int32],
    new_centers: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> tuple[typing.Any, ...]:
    """kmeans_step for CSR rows."""

def lda_count_pairs(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    vocabulary: int,
    lists: numpy.typing.NDArray[numpy.int32],
    window: int,
    pairs: numpy.typing.NDArray[numpy.int64],
    threads: int,
) -> int:
    """Windows with each two words of a topic's list; returns the number of windows."""

def lda_document_counts(
    document_tokens: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
    n_topics: int,
    n_threads: int,
) -> tuple[typing.Any, ...]:
    """Document-topic counts in compressed rows."""

def lda_document_histogram(
    document_tokens: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    z: typing.Annotated[numpy.typing.ArrayLike, numpy.uint16],
    n_topics: int,
    n_threads: int,
) -> tuple[typing.Any, ...]:
    """How many documents hold a topic how often: topics, counts, documents."""

@typing.overload
def lda_fold_in(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """Topics of documents for given phi; returns how many documents stopped at max_iter."""

@typing.overload
def lda_fold_in(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """Topics of documents for given phi; returns how many documents stopped at max_iter."""

def lda_infer(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    theta: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> int:
    """The likeliest topics of documents for given phi; returns how many stopped at max_iter."""

def lda_infer_sparse(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    alpha: numpy.typing.NDArray[numpy.float64],
    max_iter: int,
    tolerance: float,
    threshold: float,
    found: numpy.typing.NDArray[numpy.int32],
    out_topics: numpy.typing.NDArray[numpy.uint16],
    shares: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> int:
    """The same, of shares that reach a threshold."""

def lda_left_to_right(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    alpha: numpy.typing.NDArray[numpy.float64],
    form: str,
    samples: int,
    resample: int,
    seed: int,
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Left-to-right estimates of each document's log-probability."""

@typing.overload
def lda_log_predictive(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    theta: numpy.typing.NDArray[numpy.float32],
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Log-probability of each document's words for given theta and phi."""

@typing.overload
def lda_log_predictive(
    indptr: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.int32],
    counts: numpy.typing.NDArray[numpy.int32],
    phi_indptr: numpy.typing.NDArray[numpy.int64],
    topics: numpy.typing.NDArray[numpy.uint16],
    values: numpy.typing.NDArray[numpy.float32],
    floor: numpy.typing.NDArray[numpy.float32],
    theta: numpy.typing.NDArray[numpy.float64],
    log_p: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> None:
    """Log-probability of each document's words for given theta and phi."""

@typing.overload
def mean_variance(x: numpy.typing.NDArray[numpy.float32], threads: int) -> float:
    """Mean of the columns' variances."""

@typing.overload
def mean_variance(x: numpy.typing.NDArray[numpy.float64], threads: int) -> float:
    """Mean of the columns' variances."""

def philox(counter: collections.abc.Sequence[int], key: collections.abc.Sequence[int]) -> list[int]:
    """One block of Philox4x32-10."""

@typing.overload
def rbm_anneal(
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    base: numpy.typing.NDArray[numpy.float32],
    betas: numpy.typing.NDArray[numpy.float64],
    hidden: numpy.typing.NDArray[numpy.float32],
    seed: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Log-weights of chains that run through the betas in order, from hidden states."""

@typing.overload
def rbm_anneal(
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    base: numpy.typing.NDArray[numpy.float64],
    betas: numpy.typing.NDArray[numpy.float64],
    hidden: numpy.typing.NDArray[numpy.float64],
    seed: int,
    threads: int,
) -> numpy.typing.NDArray[numpy.float64]:
    """Log-weights of chains that run through the betas in order, from hidden states."""

@typing.overload
def rbm_conditionals(
    x: RbmRows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    chosen: numpy.typing.NDArray[numpy.int64],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> numpy.typing.NDArray[numpy.float64]:
    """Logarithm of P(one variable of each row | all others)."""

@typing.overload
def rbm_conditionals(
    x: RbmRows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    chosen: numpy.typing.NDArray[numpy.int64],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> numpy.typing.NDArray[numpy.float64]:
    """Logarithm of P(one variable of each row | all others)."""

@typing.overload
def rbm_draw_hidden(
    x: RbmRows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    seed: int,
    step: int,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def rbm_draw_hidden(
    x: RbmRows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    seed: int,
    step: int,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Draws from P(h | v) of all rows."""

@typing.overload
def rbm_exact_log_partition(
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    threads: int,
) -> float:
    """Logarithm of Z by the sum over all states of the smaller layer."""

@typing.overload
def rbm_exact_log_partition(
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    threads: int,
) -> float:
    """Logarithm of Z by the sum over all states of the smaller layer."""

@typing.overload
def rbm_free_energies(
    x: RbmRows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> numpy.typing.NDArray[numpy.float64]:
    """F(v) of all rows."""

@typing.overload
def rbm_free_energies(
    x: RbmRows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> numpy.typing.NDArray[numpy.float64]:
    """F(v) of all rows."""

@typing.overload
def rbm_gibbs(
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    hidden: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32] | None,
    steps: int,
    seed: int,
    step: int,
    clamp: numpy.typing.NDArray[numpy.float32] | None,
    means: bool,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
    lengths: numpy.typing.NDArray[numpy.float32] | None = None,
) -> None:
    """Steps of block Gibbs sampling, in place."""

@typing.overload
def rbm_gibbs(
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    hidden: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64] | None,
    steps: int,
    seed: int,
    step: int,
    clamp: numpy.typing.NDArray[numpy.float64] | None,
    means: bool,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
    lengths: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """Steps of block Gibbs sampling, in place."""

@typing.overload
def rbm_group_energies(
    x: RbmRows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    group: int,
    threads: int,
    units: RbmUnits,
) -> numpy.typing.NDArray[numpy.float64]:
    """Minus F of each row with one unit of the group on after the other."""

@typing.overload
def rbm_group_energies(
    x: RbmRows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    group: int,
    threads: int,
    units: RbmUnits,
) -> numpy.typing.NDArray[numpy.float64]:
    """Minus F of each row with one unit of the group on after the other."""

@typing.overload
def rbm_hidden_means(
    x: RbmRows32,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
) -> None:
    """E(h | v) of all rows."""

@typing.overload
def rbm_hidden_means(
    x: RbmRows64,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    out: numpy.typing.NDArray[numpy.float64],
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
) -> None:
    """E(h | v) of all rows."""

@typing.overload
def rbm_pack_states(
    x: numpy.typing.NDArray[numpy.uint8], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def rbm_pack_states(
    x: numpy.typing.NDArray[numpy.float32], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def rbm_pack_states(
    x: numpy.typing.NDArray[numpy.float64], threads: int
) -> numpy.typing.NDArray[numpy.uint32] | None:
    """Words of 32 states; None where an entry is neither 0 nor 1."""

@typing.overload
def rbm_train(
    x: RbmRows32,
    order: numpy.typing.NDArray[numpy.int64],
    settings: RbmSettings,
    w: numpy.typing.NDArray[numpy.float32],
    a: numpy.typing.NDArray[numpy.float32],
    b: numpy.typing.NDArray[numpy.float32],
    step: int,
    velocity: tuple[
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
    ]
    | None,
    fast: tuple[
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
        numpy.typing.NDArray[numpy.float32],
    ]
    | None,
    mu: numpy.typing.NDArray[numpy.float32] | None,
    lambda_: numpy.typing.NDArray[numpy.float32] | None,
    activity: numpy.typing.NDArray[numpy.float32] | None,
    chains: numpy.typing.NDArray[numpy.float32] | None,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float32] | None = None,
    velocity_z: numpy.typing.NDArray[numpy.float32] | None = None,
    lengths: numpy.typing.NDArray[numpy.float32] | None = None,
) -> int:
    """A pass over the rows in mini-batches, in place; returns the next sampling step."""

@typing.overload
def rbm_train(
    x: RbmRows64,
    order: numpy.typing.NDArray[numpy.int64],
    settings: RbmSettings,
    w: numpy.typing.NDArray[numpy.float64],
    a: numpy.typing.NDArray[numpy.float64],
    b: numpy.typing.NDArray[numpy.float64],
    step: int,
    velocity: tuple[
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
    ]
    | None,
    fast: tuple[
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
        numpy.typing.NDArray[numpy.float64],
    ]
    | None,
    mu: numpy.typing.NDArray[numpy.float64] | None,
    lambda_: numpy.typing.NDArray[numpy.float64] | None,
    activity: numpy.typing.NDArray[numpy.float64] | None,
    chains: numpy.typing.NDArray[numpy.float64] | None,
    threads: int,
    units: RbmUnits | None = None,
    z: numpy.typing.NDArray[numpy.float64] | None = None,
    velocity_z: numpy.typing.NDArray[numpy.float64] | None = None,
    lengths: numpy.typing.NDArray[numpy.float64] | None = None,
) -> int:
    """A pass over the rows in mini-batches, in place; returns the next sampling step."""

def uniform(seed: int, purpose: int, iteration: int, item: int) -> float:
    """The uniform number on [0, 1) at one address of the seed's stream."""

def uses_matrix_unit() -> bool:
    """Whether Boltzmann machines use it, or plain C++ in its place: GIBBOUS_AMX."""

__version__: str
