// SPDX-License-Identifier: Apache-2.0
#include "gibbous/corpus/terms.hpp"

#include <cstring>
#include <limits>
#include <stdexcept>

namespace gibbous::corpus {
namespace {

constexpr std::size_t kFirstSlots = 1 << 10;

// Hashes eight bytes per step: multiply in and fold down. The last step is padded with zeros; the
// hash starts from the length, which distinguishes the padding from zeros in the word.
std::uint64_t hash_of(std::string_view word) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio, made odd
  std::uint64_t h = word.size() * kFactor;
  const char* at = word.data();
  std::size_t left = word.size();
  while (left > 0) {
    std::uint64_t block = 0;
    const std::size_t n = left < 8 ? left : 8;
    std::memcpy(&block, at, n);
    h = (h ^ block) * kFactor;
    h ^= h >> 32;
    at += n;
    left -= n;
  }
  return h * kFactor;
}

}  // namespace

Terms::Terms(Index64 first) : first_(first), offsets_{0}, slots_(kFirstSlots) {}

std::string_view Terms::word(Index64 number) const {
  const auto at = static_cast<std::size_t>(number - first_);
  return {bytes_.data() + offsets_[at], offsets_[at + 1] - offsets_[at]};
}

Index64 Terms::find(std::string_view word, bool grow, Index64 unknown) {
  const std::uint64_t hash = hash_of(word);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = static_cast<std::size_t>(hash) & mask;
  for (; slots_[at].place != 0; at = (at + 1) & mask) {
    if (slots_[at].tag != tag) continue;
    const Index64 found = first_ + static_cast<Index64>(slots_[at].place) - 1;
    if (this->word(found) == word) return found;
  }
  if (!grow) return unknown;
  const Index64 fresh = end();
  if (fresh >= std::numeric_limits<Index32>::max())
    throw std::length_error("the texts have more than 2147483647 different words");
  bytes_.insert(bytes_.end(), word.begin(), word.end());
  offsets_.push_back(bytes_.size());
  hashes_.push_back(hash);
  slots_[at] = {tag, static_cast<std::uint32_t>(hashes_.size())};
  if (2 * hashes_.size() > slots_.size()) widen();
  return fresh;
}

void Terms::widen() {
  std::vector<Slot> wider(2 * slots_.size());
  const std::size_t mask = wider.size() - 1;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    std::size_t at = static_cast<std::size_t>(hashes_[i]) & mask;
    while (wider[at].place != 0) at = (at + 1) & mask;
    wider[at] = {static_cast<std::uint32_t>(hashes_[i] >> 32), static_cast<std::uint32_t>(i + 1)};
  }
  slots_ = std::move(wider);
}

void Terms::number(std::string_view text, bool grow, Index64 unknown, std::vector<Index64>& out) {
  std::size_t at = 0;
  const std::size_t n = text.size();
  while (true) {
    while (at < n && text[at] == ' ') ++at;
    if (at == n) return;
    const std::size_t begin = at;
    while (at < n && text[at] != ' ') ++at;
    out.push_back(find(text.substr(begin, at - begin), grow, unknown));
  }
}

}  // namespace gibbous::corpus
