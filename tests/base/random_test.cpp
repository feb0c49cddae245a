#include "framework/base/random.h"

#include <gtest/gtest.h>

namespace ornstein {
namespace {

TEST(Generator, IsAFunctionOfItsKey) {
  auto a = make_generator(5), b = make_generator(5), c = make_generator(6);
  const at::Tensor x = at::randn({100}, a);
  EXPECT_TRUE(at::equal(x, at::randn({100}, b)));
  EXPECT_FALSE(at::equal(x, at::randn({100}, c)));
}

TEST(Generator, UsesTheHighBitsOfItsKey) {
  auto a = make_generator(5), b = make_generator(5 + (uint64_t{1} << 40));
  EXPECT_FALSE(at::equal(at::randn({100}, a), at::randn({100}, b)));
}

// Fifty thousand numbers of a hundred streams together: mean and variance within four standard
// errors.
TEST(Generator, NeighbouringStreamsAreIndependentNormals) {
  std::vector<at::Tensor> rows;
  for (uint64_t key = 0; key < 100; ++key) {
    auto generator = make_generator(random_key(Stream::kShard, {1, 2, key}));
    rows.push_back(at::randn({500}, generator, at::kDouble));
  }
  const at::Tensor x = at::stack(rows);
  const double n = 50000;
  EXPECT_LT(std::abs(x.mean().item<double>()), 4 / std::sqrt(n));
  EXPECT_LT(std::abs(x.square().mean().item<double>() - 1), 4 * std::sqrt(2 / n));
  const double products = 99 * 500;
  EXPECT_LT(std::abs((x.narrow(0, 0, 99) * x.narrow(0, 1, 99)).mean().item<double>()),
            4 / std::sqrt(products));
}

TEST(DefaultGenerator, IsSeededAlike) {
  seed_default_generators(9);
  const at::Tensor x = at::rand({10});
  seed_default_generators(9);
  EXPECT_TRUE(at::equal(x, at::rand({10})));
}

TEST(RandomKey, TellsStreamsAndPositionsApart) {
  EXPECT_NE(random_key(Stream::kShard, {1, 2}), random_key(Stream::kShard, {2, 1}));
  EXPECT_NE(random_key(Stream::kShard, {1, 2}), random_key(Stream::kStep, {1, 2}));
  EXPECT_NE(random_key(Stream::kShard, {1}), random_key(Stream::kShard, {1, 0}));
}

TEST(Permutation, VisitsEveryRowOnce) {
  for (const int64_t n : {1, 2, 3, 16, 17, 1000}) {
    std::vector<bool> seen(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) seen[static_cast<size_t>(permuted(42, n, i))] = true;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), n);
  }
}

// The displacement of a uniform permutation is independent of the place: the correlation of i and
// p(i) has standard deviation 1/sqrt(n - 1).
TEST(Permutation, LeavesNoTrendInTheOrder) {
  constexpr int64_t n = 10000;
  double correlation = 0;
  for (int64_t i = 0; i < n; ++i) {
    correlation +=
        (static_cast<double>(i) / n - 0.5) * (static_cast<double>(permuted(7, n, i)) / n - 0.5);
  }
  EXPECT_LT(std::abs(correlation * 12 / n), 4 / std::sqrt(n - 1.0));
}

}  // namespace
}  // namespace ornstein
