#include "datasets/points/ising.h"

namespace ornstein::points {
namespace {

constexpr int64_t kAtATime = 1024;  // rows drawn together

struct Transfer {
  at::Tensor spins;                // [2^k, k], of a state of one row of the lattice
  std::vector<at::Tensor> powers;  // [k + 1] of [2^k, 2^k]: T^0, ..., T^k
};

Transfer transfer(int64_t size, double beta) {
  TORCH_CHECK(size >= kLeastIsing && size <= kMostIsing, "no lattice of size ", size);
  const int64_t states = int64_t{1} << size;
  Transfer result;
  const at::Tensor bits = at::arange(states).unsqueeze(1).bitwise_right_shift(at::arange(size));
  result.spins = (2 * bits.bitwise_and(1) - 1).to(at::kDouble);
  const at::Tensor within = (result.spins * result.spins.roll(1, 1)).sum(1) / 2;
  const at::Tensor step =
      (beta * (within.unsqueeze(1) + within + result.spins.matmul(result.spins.t()))).exp();
  result.powers.push_back(at::eye(states, at::kDouble));
  for (int64_t i = 0; i < size; ++i) result.powers.push_back(result.powers.back().matmul(step));
  return result;
}

at::Tensor draw(const Transfer& transfer, int64_t rows, at::Generator& generator) {
  const auto size = std::ssize(transfer.powers) - 1;
  const at::Tensor first =
      at::multinomial(transfer.powers.back().diagonal(), rows, /*replacement=*/true, generator);
  std::vector<at::Tensor> lattice = {first};
  for (int64_t i = 1; i < size; ++i) {
    const at::Tensor weights = transfer.powers[1].index_select(0, lattice.back()) *
                               transfer.powers[size - i].index_select(0, first);
    lattice.push_back(at::multinomial(weights, 1, /*replacement=*/true, generator).squeeze(1));
  }
  std::vector<at::Tensor> spins;
  for (const at::Tensor& row : lattice) spins.push_back(transfer.spins.index_select(0, row));
  return (at::cat(spins, 1) + 1) / 2;
}

}  // namespace

Twin ising(int64_t size, double beta) {
  const Transfer matrix = transfer(size, beta);
  const double log_normaliser = std::log(matrix.powers.back().trace().item<double>());
  return {"ising",
          [=](int64_t rows, at::Generator& generator) {
            std::vector<at::Tensor> blocks;
            for (int64_t first = 0; first < rows; first += kAtATime)
              blocks.push_back(draw(matrix, std::min(kAtATime, rows - first), generator));
            return at::cat(blocks);
          },
          [=](const at::Tensor& x) {
            const at::Tensor spins = 2 * x.view({-1, size, size}) - 1;
            const at::Tensor bonds = spins * (spins.roll(1, 1) + spins.roll(1, 2));
            return beta * bonds.sum(at::IntArrayRef{1, 2}) - log_normaliser;
          },
          "binary"};
}

at::Tensor ising_correlations(int64_t size, double beta) {
  const Transfer matrix = transfer(size, beta);
  const at::Tensor normaliser = matrix.powers.back().trace();
  std::vector<at::Tensor> apart;  // [k, k], of sites in rows 0, 1, ... apart
  for (int64_t distance = 0; distance < size; ++distance) {
    // tr(S T^d S' T^(k - d)), S the diagonal of a site's spin; T is symmetric.
    const at::Tensor joint = matrix.powers[distance] * matrix.powers[size - distance];
    apart.push_back(matrix.spins.t().matmul(joint).matmul(matrix.spins) / normaliser);
  }
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < size; ++i) {
    std::vector<at::Tensor> blocks;
    for (int64_t j = 0; j < size; ++j) blocks.push_back(apart[(j - i + size) % size]);
    rows.push_back(at::cat(blocks, 1));
  }
  return at::cat(rows);
}

}  // namespace ornstein::points
