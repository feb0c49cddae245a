#include "trainers/point_cloud/cloud_distance.h"

#include "trainers/point_cloud/assignment.h"

namespace ornstein::point_cloud {
namespace {

// A function of two clouds [P, D], contiguous float64, with memory that serves the next pair again.
class PairDistance {
 public:
  explicit PairDistance(CloudDistance kind) : kind_(kind) {}

  double operator()(const at::Tensor& x, const at::Tensor& y) {
    TORCH_CHECK(
        x.dim() == 2 && y.dim() == 2 && x.size(1) == y.size(1) && x.size(0) > 0 && y.size(0) > 0,
        "a distance is between clouds [P, D] and [Q, D], not ", x.sizes(), " and ", y.sizes());
    TORCH_CHECK(kind_ == CloudDistance::chamfer || x.size(0) == y.size(0),
                "the earth mover's distance is between clouds of one size, not of ", x.size(0),
                " and ", y.size(0), " points");
    square_distances(x, y.t().contiguous());
    return kind_ == CloudDistance::chamfer ? chamfer(x.size(0), y.size(0)) : earth_movers();
  }

 private:
  // y [D, Q]: the innermost loop runs over memory in order.
  void square_distances(const at::Tensor& x, const at::Tensor& y) {
    const int64_t points = x.size(0), others = y.size(1);
    squares_.assign(points * others, 0);
    const double *from = x.const_data_ptr<double>(), *to = y.const_data_ptr<double>();
    for (int64_t i = 0; i < points; ++i) {
      double* const row = squares_.data() + i * others;
      for (int64_t axis = 0; axis < x.size(1); ++axis) {
        const double at = from[i * x.size(1) + axis];
        const double* const coordinates = to + axis * others;
        for (int64_t j = 0; j < others; ++j) {
          const double difference = at - coordinates[j];
          row[j] += difference * difference;
        }
      }
    }
  }

  double chamfer(int64_t points, int64_t others) {
    nearest_.assign(others, std::numeric_limits<double>::infinity());
    double there = 0, back = 0;
    for (int64_t i = 0; i < points; ++i) {
      const double* const row = squares_.data() + i * others;
      there += *std::min_element(row, row + others);
      for (int64_t j = 0; j < others; ++j) nearest_[j] = std::min(nearest_[j], row[j]);
    }
    for (const double square : nearest_) back += square;
    return there / static_cast<double>(points) + back / static_cast<double>(others);
  }

  double earth_movers() {
    for (double& square : squares_) square = std::sqrt(square);
    return assignment_.least_mean(squares_);
  }

  const CloudDistance kind_;
  std::vector<double> squares_, nearest_;
  Assignment assignment_;
};

at::Tensor exact(const at::Tensor& clouds) { return clouds.to(at::kCPU, at::kDouble).contiguous(); }

// pairs [2, K] int64: rows of a and of b. Blocks of pairs take about the same time on every rank,
// which rows of a triangle would not.
at::Tensor over_pairs(CloudDistance kind, const at::Tensor& a, const at::Tensor& b,
                      const at::Tensor& pairs, const ParallelRows& rows) {
  const at::Tensor from = exact(a), to = exact(b);
  const auto pair = pairs.accessor<int64_t, 2>();
  const at::Tensor distances =
      rows.collect(pairs.size(1), [&](int64_t first, int64_t count, at::Generator&) {
        PairDistance distance(kind);
        std::vector<double> values;
        for (int64_t k = first; k < first + count; ++k)
          values.push_back(distance(from[pair[0][k]], to[pair[1][k]]));
        return at::tensor(values, at::kDouble);
      });
  return distances.to(a.device());
}

}  // namespace

double distance(CloudDistance kind, const at::Tensor& x, const at::Tensor& y) {
  return PairDistance(kind)(exact(x), exact(y));
}

at::Tensor distances_between(CloudDistance kind, const at::Tensor& a, const at::Tensor& b,
                             const ParallelRows& rows) {
  const at::Tensor pairs =
      at::cartesian_prod({at::arange(a.size(0), at::kLong), at::arange(b.size(0), at::kLong)});
  return over_pairs(kind, a, b, pairs.t().contiguous(), rows).view({a.size(0), b.size(0)});
}

at::Tensor distances_within(CloudDistance kind, const at::Tensor& a, const ParallelRows& rows) {
  const at::Tensor pairs = at::triu_indices(a.size(0), a.size(0), 1);
  at::Tensor matrix = at::zeros({a.size(0), a.size(0)}, at::kDouble);
  matrix.index_put_({pairs[0], pairs[1]}, over_pairs(kind, a, a, pairs, rows).to(at::kCPU));
  return matrix + matrix.t();
}

at::Tensor distances_of_pairs(CloudDistance kind, const at::Tensor& a, const at::Tensor& b,
                              const ParallelRows& rows) {
  return over_pairs(kind, a, b, at::arange(a.size(0), at::kLong).expand({2, -1}), rows);
}

}  // namespace ornstein::point_cloud
