// SPDX-License-Identifier: Apache-2.0
// Numbers of words: the table against std::map, through several resizes.
#include <map>
#include <string>
#include <vector>

#include "gibbous/corpus/terms.hpp"
#include "tests/check.hpp"

namespace {

using gibbous::Index64;
using gibbous::corpus::Terms;

void numbers_are_a_maps() {
  check::Integers draw(1);
  Terms terms(2);
  std::map<std::string, Index64> expected;
  for (int round = 0; round < 50; ++round) {
    std::string text;
    std::vector<Index64> numbers, got;
    for (int i = 0; i < 1000; ++i) {
      std::string word;
      // from one letter to three blocks of the hash; the alphabet is small so that words repeat
      for (int length = draw(1, round < 25 ? 5 : 20); length > 0; --length)
        word += static_cast<char>(draw('a', 'e'));
      const auto next = static_cast<Index64>(expected.size()) + 2;
      numbers.push_back(expected.emplace(word, next).first->second);
      text += std::string(static_cast<std::size_t>(draw(1, 3)), ' ') + word;
    }
    terms.number(text, true, 0, got);
    CHECK(got == numbers, "round " << round << " of \"" << text.substr(0, 60) << "...\"");
  }
  CHECK(terms.end() == static_cast<Index64>(expected.size()) + 2, "ends at " << terms.end());
  for (const auto& [word, number] : expected) CHECK(terms.word(number) == word, number);
  std::vector<Index64> got;
  terms.number(" absent abc ", false, 1, got);
  CHECK(got.size() == 2 && got[0] == 1, "a word that was never met");
  CHECK(got[1] == (expected.count("abc") ? expected["abc"] : 1), got[1]);
}

void texts_without_words() {
  Terms terms(0);
  std::vector<Index64> got;
  terms.number("", true, 0, got);
  terms.number("   ", true, 0, got);
  CHECK(got.empty() && terms.end() == 0, got.size());
}

}  // namespace

int main() {
  return check::run([] {
    numbers_are_a_maps();
    texts_without_words();
  });
}
