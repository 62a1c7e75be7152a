// SPDX-License-Identifier: Apache-2.0
// The small steps around the E-step: the survey of the data, the M-step's update, and the Cholesky
// factors of the precisions.
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gibbous/gmm/mixture.hpp"
#include "gibbous/gmm/moments.hpp"

namespace gibbous::gmm {

namespace {

constexpr Index kSurveyRows = 4096;  // minimum number of rows per task of the survey

// Sums in order, one number at a time: each addition waits for the last.
Execution survey_threads(const Execution& run, Index numbers) {
  return fit_threads(run, 4.0 * static_cast<double>(numbers));
}

template <class T>
double weighted_mean(const Rows<T>& rows, const Execution& run, double* center) {
  const Index d = rows.d, tasks = slots(rows.n, kSurveyRows);
  std::vector<double> sums(static_cast<std::size_t>(1 + d), 0.0);
  const Execution some = survey_threads(run, rows.n * d);
  parallel_sum(some, tasks, 1 + d, sums.data(), [&](Index s, const Worker& worker, double* out) {
    const Range range = slot_range(rows.n, tasks, s);
    for (Index i = range.begin; i < range.end; ++i) {
      if (i % 65536 == 0) worker.checkpoint();
      const double w = static_cast<double>(rows.w(i));
      const T* x = rows.row(i);
      out[0] += w;
      for (Index a = 0; a < d; ++a) out[1 + a] += w * static_cast<double>(x[a]);
    }
  });
  for (Index a = 0; a < d; ++a) center[a] = sums[static_cast<std::size_t>(1 + a)] / sums[0];
  return sums[0];
}

template <class T>
double total_weight(const Rows<T>& rows, const Execution& run) {
  if (!rows.weight) return static_cast<double>(rows.n);
  const Index tasks = slots(rows.n, kSurveyRows);
  double sum = 0;
  const Execution some = survey_threads(run, rows.n);
  parallel_sum(some, tasks, 1, &sum, [&](Index s, const Worker&, double* out) {
    const Range range = slot_range(rows.n, tasks, s);
    for (Index i = range.begin; i < range.end; ++i) *out += static_cast<double>(rows.weight[i]);
  });
  return sum;
}

template <class T>
void measure_spread(const Rows<T>& rows, const Execution& run, const Survey& out) {
  const Index d = rows.d, tasks = slots(rows.n, kSurveyRows);
  std::vector<double> most(static_cast<std::size_t>(tasks * (1 + d)), 0.0);
  const Execution some = survey_threads(run, rows.n * d);
  parallel_tasks(some, tasks, [&](Index s, const Worker& worker) {
    double* radius2 = most.data() + s * (1 + d);
    double* spread = radius2 + 1;
    const Range range = slot_range(rows.n, tasks, s);
    for (Index i = range.begin; i < range.end; ++i) {
      if (i % 65536 == 0) worker.checkpoint();
      const T* x = rows.row(i);
      double norm = 0;
      for (Index a = 0; a < d; ++a) {
        const double z = std::fabs(static_cast<double>(x[a]) - out.center[a]);
        spread[a] = std::max(spread[a], z);
        norm += z * z;
      }
      *radius2 = std::max(*radius2, norm);
    }
  });
  *out.radius2 = 0;
  std::fill(out.spread, out.spread + d, 0.0);
  for (Index s = 0; s < tasks; ++s) {
    const double* m = most.data() + s * (1 + d);
    *out.radius2 = std::max(*out.radius2, m[0]);
    for (Index a = 0; a < d; ++a) out.spread[a] = std::max(out.spread[a], m[1 + a]);
  }
}

template <class T>
void sum_scatter(const Rows<T>& rows, const Execution& run, const Survey& out) {
  const Index d = rows.d, width = WideSum<T>::width(d);
  const Index wanted = slots(rows.n, kSurveyRows);
  const Index tasks = std::clamp<Index>((Index{64} << 20) / (d * width * 8), 1, wanted);
  std::vector<T> center(out.center, out.center + d);
  std::vector<double> c(static_cast<std::size_t>(d * width), 0.0);
  const Execution some = fit_threads(run, static_cast<double>(rows.n * d * d));
  parallel_sum(some, tasks, d * width, c.data(), [&](Index s, const Worker& worker, double* sum) {
    constexpr Index step = 64 * Group<T>::rows;
    WideSum<T> wide(d);
    std::vector<T> r(static_cast<std::size_t>(step), T(1));
    const Range range = slot_range(rows.n, tasks, s, step);
    for (Index begin = range.begin; begin < range.end; begin += step) {
      worker.checkpoint();
      const Index count = std::min(step, range.end - begin);
      for (Index i = 0; i < count; ++i) r[static_cast<std::size_t>(i)] = rows.w(begin + i);
      wide.add(rows, {begin, count, r.data(), Group<T>::rows}, center.data(), {0, d},
               {nullptr, nullptr, sum});
    }
  });
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b <= a; ++b)
      out.scatter[a * d + b] = out.scatter[b * d + a] = c[static_cast<std::size_t>(a * width + b)];
}

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Whether every pivot exceeds rounding error. A change of eps sqrt(c_aa c_bb) in each entry of the
// covariance changes pivot j = 1 / U_jj^2 by up to eps (sum_a |U_aj| sqrt(c_aa))^2 of itself. A
// covariance of rank below d leaves such noise in its last pivots, with either sign; used as
// variances they would make the likelihood jump by whole units between iterations.
template <class T>
bool pivots_are_sound(const Matrix& c, const Matrix& u) {
  const Eigen::VectorXd widths = c.diagonal().cwiseSqrt();
  const double most = (u.cwiseAbs().transpose() * widths).maxCoeff();
  return std::numeric_limits<T>::epsilon() * most * most < 1;
}

// U = L^-T for covariance = L L^T; false if it is not positive definite to working precision.
template <class T>
bool factorize_matrix(const T* covariance, Index d, T* factor) {
  using MapIn = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  using MapOut = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const Matrix c = MapIn(covariance, d, d).template cast<double>();
  if (!c.allFinite()) return false;  // LLT does not detect NaN
  const Eigen::LLT<Matrix, Eigen::Lower> llt(c);
  if (llt.info() != Eigen::Success) return false;
  const Matrix inverse = llt.matrixL().solve(Matrix::Identity(d, d));
  const Matrix u = inverse.transpose();
  if (!std::isfinite(u.squaredNorm())) return false;  // the precision U U^T would overflow
  if (!pivots_are_sound<T>(c, u)) return false;
  MapOut(factor, d, d) = u.template cast<T>();
  return true;
}

template <class T>
bool factorize_variances(const T* variance, Index count, T* factor) {
  for (Index i = 0; i < count; ++i)  // below the smallest normal number the precision overflows
    if (!(variance[i] >= std::numeric_limits<T>::min()) || !std::isfinite(variance[i]))
      return false;
  for (Index i = 0; i < count; ++i) factor[i] = T(1) / std::sqrt(variance[i]);
  return true;
}

// Covariance of one component from its packed second moments.
template <class T>
void full_covariance(const double* s2, const double* dm, double nk, Index d, double reg, T* out) {
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b <= a; ++b) {
      const double c = s2[a * (a + 1) / 2 + b] / nk - dm[a] * dm[b] + (a == b ? reg : 0.0);
      out[a * d + b] = out[b * d + a] = static_cast<T>(c);
    }
}

template <class T>
void tied_covariance(const Statistics& in, const double* dm, const std::vector<double>& nk,
                     const double* scatter, Index d, double reg, T* out) {
  double mass = 0;
  for (double n : nk) mass += n;
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b <= a; ++b) {
      double between = 0;
      for (std::size_t k = 0; k < nk.size(); ++k) {
        const double* m = dm + static_cast<Index>(k) * d;
        between += nk[k] * m[a] * m[b];
      }
      const double about = scatter ? scatter[a * d + b] : in.s2[a * (a + 1) / 2 + b];
      out[a * d + b] = out[b * d + a] =
          static_cast<T>((about - between) / mass + (a == b ? reg : 0.0));
    }
}

}  // namespace

template <class T>
double survey(const Rows<T>& rows, const Execution& run, const Survey& out) {
  const double weight = out.given ? total_weight(rows, run) : weighted_mean(rows, run, out.center);
  // the kernels subtract the center in T, so all distances refer to the rounded center
  for (Index a = 0; a < rows.d; ++a)
    out.center[a] = static_cast<double>(static_cast<T>(out.center[a]));
  measure_spread(rows, run, out);
  if (out.scatter) sum_scatter(rows, run, out);
  return weight;
}

template <class T>
void update(const Step<T>& step, const Statistics& in, const Execution& run,
            const Estimate<T>& out) {
  const Index k = step.k, d = step.d;
  const Covariance type = step.type;
  const double reg_covar = step.reg_covar;
  std::vector<double> nk(in.nk, in.nk + k), dm(static_cast<std::size_t>(k * d));
  double mass = 0;
  for (double& n : nk) mass += n += 10 * std::numeric_limits<T>::epsilon();  // never divide by 0
  for (Index c = 0; c < k; ++c) {
    const double n = nk[static_cast<std::size_t>(c)];
    out.weights[c] = static_cast<T>(n / mass);
    for (Index a = 0; a < d; ++a) {
      const double shift = in.s1[c * d + a] / n;
      dm[static_cast<std::size_t>(c * d + a)] = shift;
      out.means[c * d + a] =
          static_cast<T>(static_cast<double>(step.origin[step.folded ? a : c * d + a]) + shift);
    }
  }
  if (type == Covariance::tied)
    return tied_covariance(in, dm.data(), nk, step.folded ? step.scatter : nullptr, d, reg_covar,
                           out.covariances);
  const Execution serial{k * d * d > 100000 ? run.threads : 1, run.monitor};
  parallel_tasks(serial, k, [&](Index c, const Worker&) {
    const double n = nk[static_cast<std::size_t>(c)];
    const double* m = dm.data() + c * d;
    if (type == Covariance::full) {
      full_covariance(in.s2 + c * (d * (d + 1) / 2), m, n, d, reg_covar,
                      out.covariances + c * d * d);
    } else if (type == Covariance::diag) {
      for (Index a = 0; a < d; ++a)
        out.covariances[c * d + a] = static_cast<T>(in.s2[c * d + a] / n - m[a] * m[a] + reg_covar);
    } else {
      double norm = 0;
      for (Index a = 0; a < d; ++a) norm += m[a] * m[a];
      out.covariances[c] =
          static_cast<T>((in.s2[c] / n - norm) / static_cast<double>(d) + reg_covar);
    }
  });
}

template <class T>
Index factorize(Covariance type, Index k, Index d, const T* covariances, const Execution& run,
                T* factors) {
  if (type == Covariance::tied) return factorize_matrix(covariances, d, factors) ? -1 : 0;
  std::vector<char> failed(static_cast<std::size_t>(k), 0);
  const Execution how{type == Covariance::full && k * d * d * d > 200000 ? run.threads : 1,
                      run.monitor};
  parallel_tasks(how, k, [&](Index c, const Worker&) {
    bool ok;
    if (type == Covariance::full)
      ok = factorize_matrix(covariances + c * d * d, d, factors + c * d * d);
    else if (type == Covariance::diag)
      ok = factorize_variances(covariances + c * d, d, factors + c * d);
    else
      ok = factorize_variances(covariances + c, 1, factors + c);
    failed[static_cast<std::size_t>(c)] = !ok;
  });
  const auto first = std::find(failed.begin(), failed.end(), 1);
  return first == failed.end() ? -1 : first - failed.begin();
}

template double survey(const Rows<float>&, const Execution&, const Survey&);
template double survey(const Rows<double>&, const Execution&, const Survey&);
template void update(const Step<float>&, const Statistics&, const Execution&,
                     const Estimate<float>&);
template void update(const Step<double>&, const Statistics&, const Execution&,
                     const Estimate<double>&);
template Index factorize(Covariance, Index, Index, const float*, const Execution&, float*);
template Index factorize(Covariance, Index, Index, const double*, const Execution&, double*);

}  // namespace gibbous::gmm
