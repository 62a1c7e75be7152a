// SPDX-License-Identifier: Apache-2.0
// Numbers for the words of texts, in the order in which they are met: open addressing over one
// arena of bytes. What a word is, is settled before: here words are what stands between spaces.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "gibbous/ground/types.hpp"

namespace gibbous::corpus {

class Terms {
 public:
  // Numbers below `first` are left to the caller.
  explicit Terms(Index64 first);

  // Appends to `out` (OUT) the number of every word of `text` (IN), words parted by spaces alone.
  // A word that is new gets the next number, or where `grow` is false the number `unknown`. Linear
  // in the length of the text. Throws std::length_error when numbers pass 2^31 - 1.
  void number(std::string_view text, bool grow, Index64 unknown, std::vector<Index64>& out);

  // The number past the last.
  Index64 end() const { return first_ + static_cast<Index64>(offsets_.size()) - 1; }

  // The word of a number in [first, end).
  std::string_view word(Index64 number) const;

 private:
  // Eight bytes a slot, so that a cache line holds eight: the hash's upper half tells nearly every
  // other word apart before its bytes are looked at.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t place = 0;  // 1 + position of the word; 0 for an empty slot
  };

  Index64 find(std::string_view word, bool grow, Index64 unknown);
  void widen();

  Index64 first_;
  std::vector<char> bytes_;
  std::vector<std::size_t> offsets_;  // of words in bytes_, one more than there are words
  std::vector<std::uint64_t> hashes_;
  std::vector<Slot> slots_;  // a power of two, at most half of them taken
};

}  // namespace gibbous::corpus
