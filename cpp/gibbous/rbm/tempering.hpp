// SPDX-License-Identifier: Apache-2.0
// Parallel tempering (Desjardins, Courville, Bengio, Vincent and Delalleau 2010): replicas of every
// chain at inverse temperatures 1 > ... > 0; adjacent ones are exchanged after each Gibbs step.
#pragma once
#include <cmath>
#include <utility>

#include "gibbous/layers/units.hpp"

namespace gibbous::rbm {

using namespace layers;

template <class T>
class Ladder {
 public:
  Ladder() = default;
  // Replica t of chain c is row t * chains + c; the coldest come first.
  Ladder(Index temperatures, Index chains, const Packed<T>& m)
      : temperatures_(temperatures),
        chains_(chains),
        heated_(m.units.visible != Visible::gaussian) {
    const Index rows = temperatures * chains;
    heat_.resize(static_cast<std::size_t>(rows));
    for (Index r = 0; r < rows; ++r)
      heat_[static_cast<std::size_t>(r)] =
          T(1) - static_cast<T>(r / chains) / static_cast<T>(temperatures - 1);
    up_.resize(static_cast<std::size_t>(panels_of(m.hidden) * rows));
  }

  bool active() const { return temperatures_ > 1; }

  void heat(Target<T>& lower, Target<T>& upper) {
    const Index rows = temperatures_ * chains_;
    lower.heat = upper.heat = heat_.data();
    upper.energies = up_.data();
    lower.stride = upper.stride = rows;
    a_ = lower.bias;
  }

  // Exchanges adjacent replicas with probability min(1, exp((beta_s - beta_t) (E_s - E_t))), odd
  // and even pairs alternately.
  void swap(const Execution& run, const StateDraws& draws, Layer<T>& v, Layer<T>& h) {
    parallel_tasks(run, chains_, [&](Index c, const Worker&) {
      std::vector<double> energy(static_cast<std::size_t>(temperatures_));
      for (Index t = 0; t < temperatures_; ++t)
        energy[static_cast<std::size_t>(t)] = energy_of(v, t * chains_ + c, h.panels());
      alignas(64) std::uint32_t words[kGroupWords];
      for (Index parity = 0; parity < 2; ++parity)
        for (Index t = parity; t + 1 < temperatures_; t += 2) {
          if (t % kGroupWords <= parity) draws.pair(c, parity << 19 | t / kGroupWords, words);
          const double u = (words[t % kGroupWords] >> 8) * 0x1p-24 + 0x1p-25;
          double& cold = energy[static_cast<std::size_t>(t)];
          double& hot = energy[static_cast<std::size_t>(t + 1)];
          if (std::log(u) >= (cold - hot) / static_cast<double>(temperatures_ - 1)) continue;
          std::swap(cold, hot);
          exchange(v, t * chains_ + c);
          exchange(h, t * chains_ + c);
        }
    });
  }

  // The states at temperature 1.
  void bottom(const Layer<T>& v, Layer<T>& out) const {
    if (out.capacity != chains_) out.resize(v.units, chains_, v.binary);
    if (!v.lengths.empty()) out.lengths.assign(v.lengths.begin(), v.lengths.begin() + chains_);
    if (!v.binary) return void(std::copy(v.row(0), v.row(chains_), out.row(0)));
    for (Index p = 0; p < v.panels(); ++p)
      std::copy(v.panel_bits(p), v.panel_bits(p) + chains_, out.panel_bits(p));
  }

 private:
  // The energy that the temperature scales, -a.v - h.(b + W v); the second part was summed when h
  // was drawn. For Gaussian units (v - a)^2 / (2 s^2) is the same at every temperature and not part
  // of it.
  double energy_of(const Layer<T>& v, Index row, Index panels) const {
    double e = 0;
    for (Index p = 0; p < panels; ++p)
      e -= static_cast<double>(up_[static_cast<std::size_t>(p * temperatures_ * chains_ + row)]);
    if (!heated_) return e;
    if (!v.binary) {
      for (Index i = 0; i < v.units; ++i)
        e -= static_cast<double>(a_[i]) * static_cast<double>(v.row(row)[i]);
      return e;
    }
    for (Index p = 0; p < v.panels(); ++p)
      for (std::uint32_t m = mask_of(v.panel_bits(p)[row]); m; m &= m - 1)
        e -= static_cast<double>(a_[p * kPanel + __builtin_ctz(m)]);
    return e;
  }
  void exchange(Layer<T>& layer, Index row) const {
    if (!layer.binary)
      return void(std::swap_ranges(layer.row(row), layer.row(row + 1), layer.row(row + chains_)));
    for (Index p = 0; p < layer.panels(); ++p)
      std::swap(layer.panel_bits(p)[row], layer.panel_bits(p)[row + chains_]);
  }

  Index temperatures_ = 1, chains_ = 0;
  bool heated_ = true;
  std::vector<T> heat_;
  std::vector<T> up_;
  const T* a_ = nullptr;
};

}  // namespace gibbous::rbm
