// SPDX-License-Identifier: Apache-2.0
// Contrastive divergence (Hinton 2002) and its persistent forms (Tieleman 2008; Tieleman and Hinton
// 2009; Desjardins et al. 2010), one mini-batch per step.
#include <cmath>

#include "gibbous/layers/rows.hpp"
#include "gibbous/layers/update.hpp"
#include "gibbous/rbm/machine.hpp"
#include "gibbous/rbm/tempering.hpp"

namespace gibbous::rbm {
namespace {

template <class T>
class Trainer {
 public:
  Trainer(const Execution& run, const Source<T>& x, const Settings& settings,
          const Parameters<T>& net, const State<T>& state)
      : run_(run),
        x_(x),
        s_(settings),
        step_(state.step),
        scratch_(scratches<T>(run)),
        update_(run, settings, net, state) {
    const Packed<T>& m = update_.net();
    const Index batch = s_.batch_size;
    const Index chains = state.chains ? state.n_chains : batch;
    v0_.resize(m.visible, batch, x.binary());
    h_.resize(m.hidden, chains * (state.chains ? s_.temperatures : 1),
              m.units.hidden == Hidden::binary);
    v1_.resize(m.visible, h_.capacity, visible_bits(m));
    positive_.resize(m.visible, m.hidden, batch);
    negative_.resize(m.visible, m.hidden, chains);
    factor_.resize(static_cast<std::size_t>(batch));
    if (state.chains) put_states(state.chains, h_.capacity, h_);
    if (state.lengths)
      for (Index r = 0; r < h_.capacity; ++r) v1_.lengths.push_back(state.lengths[r % chains]);
    if (s_.method == Method::tempering) ladder_ = Ladder<T>(s_.temperatures, chains, m);
    persistent_ = state.chains != nullptr;
    chains_ = chains;
  }

  void batch(const Index64* rows, Index count) {
    const T share = weigh(rows, count);
    const StateDraws seen = draws();
    load_rows_of(run_, x_, rows, 0, count, &seen, v0_);
    ready_rows(run_, update_.net(), v0_);
    if (!persistent_) v1_.lengths = v0_.lengths;
    raise_data(count);
    const T model_share = share_of_chains(share);
    lower_and_raise(count, model_share);
    positive_.close(run_, v0_, factor_.data());
    const T each = persistent_ ? model_share / static_cast<T>(negative_.rows) : T(0);
    if (persistent_) flat_.assign(static_cast<std::size_t>(negative_.rows), each);
    negative_.close(run_, persistent_ ? bottom() : v1_,
                    persistent_ ? flat_.data() : factor_.data());
    finish_phases(run_, update_.net(), positive_, negative_);
    update_.apply(run_, positive_, negative_, share, scratch_);
  }

  void finish(const Parameters<T>& net, State<T>& state) const {
    update_.unpack(run_, net, state);
    if (persistent_) give_states(h_, state.chains);
    state.step = step_;
  }

 private:
  // Factors of the rows in the mean over the batch; returns their sum, which is 1 without weights.
  T weigh(const Index64* rows, Index count) {
    T sum = 0;
    for (Index i = 0; i < count; ++i) {
      const T w = x_.weight ? x_.weight[rows[i]] : T(1);
      factor_[static_cast<std::size_t>(i)] = w / static_cast<T>(count);
      sum += w;
    }
    return sum / static_cast<T>(count);
  }

  // Scales persistent chains of counts to the number of words in the batch: chains have another
  // number, and the difference would be a drift in every hidden bias.
  T share_of_chains(T share) const {
    if (!persistent_ || v1_.lengths.empty()) return share;
    double data_words = 0, chain_words = 0;
    for (std::size_t r = 0; r < static_cast<std::size_t>(v0_.rows); ++r)
      data_words += static_cast<double>(factor_[r]) * static_cast<double>(v0_.lengths[r]);
    for (std::size_t r = 0; r < static_cast<std::size_t>(chains_); ++r)
      chain_words += static_cast<double>(v1_.lengths[r]) / static_cast<double>(chains_);
    return chain_words > 0 ? static_cast<T>(data_words / chain_words) : share;
  }

  StateDraws draws() { return StateDraws(s_.seed, Purpose::rbm_train, step_++); }

  // Hidden probabilities given the data, and a sample of them if the chain starts there.
  void raise_data(Index count) {
    const Packed<T>& m = update_.net();
    const StateDraws up = draws();
    Target<T> target = above(m, v0_);
    target.probabilities = positive_.probabilities(count);
    target.stride = positive_.stride;
    target.weight = factor_.data();
    if (!persistent_) {
      target.draws = &up;
      target.states = &h_;
      h_.rows = count;
    }
    pass(run_, v0_, m.up, scratch_, target);
  }

  // The chain: gibbs_steps times down and up. Sets the states and probabilities of the negative
  // phase.
  void lower_and_raise(Index count, T share) {
    const Packed<T>& m = update_.chain();
    for (Index k = 0; k < s_.gibbs_steps; ++k) {
      const bool last = k + 1 == s_.gibbs_steps;
      const StateDraws down = draws(), up = draws();
      Target<T> lower, upper = above(m, v1_);
      lower.bias = m.a.data();
      lower.draws = &down;
      lower.states = &v1_;
      if (persistent_ || !last) {
        upper.draws = &up;
        upper.states = &h_;
      }
      if (ladder_.active()) ladder_.heat(lower, upper);
      if (last && !ladder_.active()) negative_phase(count, share, upper);
      descend_(run_, h_, m, lower, scratch_);
      pass(run_, v1_, m.up, scratch_, upper);
      if (ladder_.active()) ladder_.swap(run_, draws(), v1_, h_);
    }
    if (ladder_.active()) {  // different chains may be at temperature 1 now
      ladder_.bottom(v1_, cold_);
      Target<T> upper = above(m, cold_);
      negative_phase(count, share, upper);
      pass(run_, cold_, m.up, scratch_, upper);
    }
  }

  // Common arguments of every pass to the hidden units.
  static Target<T> above(const Packed<T>& m, const Layer<T>& v) {
    Target<T> target;
    target.bias = m.b.data();
    target.kind = hidden_kind(m);
    target.copies = v.lengths.empty() ? nullptr : v.lengths.data();
    return target;
  }

  void negative_phase(Index count, T share, Target<T>& target) {
    const Index rows = persistent_ ? chains_ : count;
    target.probabilities = negative_.probabilities(rows);
    target.stride = negative_.stride;
    if (persistent_)
      target.scale = -share / static_cast<T>(rows);
    else
      target.weight = factor_.data(), target.scale = T(-1);
  }

  const Layer<T>& bottom() const { return ladder_.active() ? cold_ : v1_; }

  const Execution& run_;
  const Source<T>& x_;
  const Settings& s_;
  std::uint32_t step_;
  bool persistent_ = false;
  Index chains_ = 0;
  Scratches<T> scratch_;
  Layer<T> v0_, v1_, h_, cold_;
  Phase<T> positive_, negative_;
  Ladder<T> ladder_;
  Descent<T> descend_;
  std::vector<T> factor_, flat_;
  Update<T> update_;
};

}  // namespace

template <class T>
void train(const Execution& run, const Source<T>& x, const Index64* order, Index count,
           const Settings& settings, Parameters<T> net, State<T>& state) {
  Trainer<T> trainer(run, x, settings, net, state);
  for (Index first = 0; first < count; first += settings.batch_size) {
    if (run.monitor) run.monitor->poll();
    trainer.batch(order + first, std::min(settings.batch_size, count - first));
  }
  trainer.finish(net, state);
}

template void train<float>(const Execution&, const Source<float>&, const Index64*, Index,
                           const Settings&, Parameters<float>, State<float>&);
template void train<double>(const Execution&, const Source<double>&, const Index64*, Index,
                            const Settings&, Parameters<double>, State<double>&);

}  // namespace gibbous::rbm
