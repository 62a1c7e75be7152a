// SPDX-License-Identifier: Apache-2.0
// Numbers the words of texts in order of first occurrence: a hash table with open addressing over
// one arena of bytes. Texts are already tokenized; words are separated by spaces.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "gibbous/ground/types.hpp"

namespace gibbous::corpus {

class Terms {
 public:
  // Numbers below `first` are reserved for the caller.
  explicit Terms(Index64 first);

  // Appends to `out` (OUT) the number of every word of `text` (IN), split on spaces only. A new
  // word gets the next number, or the number `unknown` if `grow` is false. Linear in the length of
  // the text. Throws std::length_error if numbers would exceed 2^31 - 1.
  void number(std::string_view text, bool grow, Index64 unknown, std::vector<Index64>& out);

  // One past the largest number.
  Index64 end() const { return first_ + static_cast<Index64>(offsets_.size()) - 1; }

  // The word of a number in [first, end).
  std::string_view word(Index64 number) const;

 private:
  // Eight bytes per slot, so that a cache line holds eight: the upper half of the hash rules out
  // nearly every other word before its bytes are compared.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t place = 0;  // 1 + position of the word; 0 if the slot is empty
  };

  Index64 find(std::string_view word, bool grow, Index64 unknown);
  void widen();

  Index64 first_;
  std::vector<char> bytes_;
  std::vector<std::size_t> offsets_;  // (words + 1) offsets of words in bytes_
  std::vector<std::uint64_t> hashes_;
  std::vector<Slot> slots_;  // size is a power of two; at most half of the slots are used
};

}  // namespace gibbous::corpus
