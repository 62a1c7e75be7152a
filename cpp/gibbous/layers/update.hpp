// SPDX-License-Identifier: Apache-2.0
// The update of the parameters along a gradient.
#pragma once
#include <vector>

#include "gibbous/layers/gradient.hpp"

namespace gibbous::layers {

// The parameters during training, and one step along a gradient.
template <class T>
class Update {
 public:
  Update(const Execution& run, const StepSettings& settings, const Parameters<T>& net,
         const StepState<T>& state);

  const Packed<T>& net() const { return net_; }
  // What the negative chains use: the regular weights, or their sum with the fast weights.
  const Packed<T>& chain() const { return fast_ ? chain_ : net_; }

  // `share`: the sum of the factors of the data.
  void apply(const Execution& run, const Phase<T>& positive, const Phase<T>& negative, T share,
             Scratches<T>& scratch);
  void unpack(const Execution& run, Parameters<T> net, StepState<T>& state) const;

 private:
  // Destinations of the sums along rows and columns of a tile of the gradient; null if not needed.
  struct Margins {
    T* below = nullptr;  // [visible] lambda . gradient
    T* above = nullptr;  // [32] mu . gradient
    T* along = nullptr;  // [visible] w . product, with the component weights held constant
  };

  // An outer product of a column and a row that is added to the gradient.
  struct Outer {
    Buffer<T> left, right;
  };

  void means(const Phase<T>& positive, const Phase<T>& negative, T share);
  void tile(const Execution& run, const Phase<T>& positive, const Phase<T>& negative, Index q,
            Range d, std::uint64_t name, Scratch<T>& mine);
  void step_rows(Index q, Range d, T* gradient, const Margins& margins);
  GIBBOUS_INLINE Vec<T> correct(Index d, Index h, Vec<T> g) const;
  void turn_rows(Index q, Range d);
  void step_biases();
  void step_variances(const Execution& run, const Phase<T>& positive, const Phase<T>& negative);
  void move(Index n, const Buffer<T>& gradient, const Buffer<T>& scale, Buffer<T>& speed,
            Buffer<T>& bias) const;

  const StepSettings& s_;
  bool momentum_, fast_, variances_;
  Packed<T> net_, chain_;
  Weights<T> velocity_, fast_up_;
  Buffer<T> speed_a_, speed_b_, speed_z_, fast_a_, fast_b_;
  Buffer<T> mu_, lambda_, activity_;
  Buffer<T> delta_v_, delta_h_;  // gradients of the biases
  std::vector<Outer> outers_;
  Buffer<T> by_hidden_;   // [hidden panel][visible]: sum over the panel of lambda * gradient
  Buffer<T> by_visible_;  // [visible block][hidden]: sum over the block of mu * gradient
  Buffer<T> by_weight_;   // [hidden panel][visible]: sum over the panel of Margins::along
};

}  // namespace gibbous::layers
