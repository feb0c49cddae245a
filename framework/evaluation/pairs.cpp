#include "framework/evaluation/pairs.h"

#include <numbers>

namespace ornstein {
namespace {

using std::numbers::pi;

constexpr int64_t kIntervals = 2048;
constexpr double kDeviations = 10;
constexpr int64_t kPairsAtATime = 1 << 19;

int64_t separations_of(const Factor& factor) {
  const auto* torus = std::get_if<Torus>(&factor);
  return torus ? torus->d : 1;
}

// f(x_i, y_j, s) for pairs of rows x [n, size], y [m, size] and what belongs to them of `to` [n, m,
// K], from `column` on.
template <class F>
void each_pair(const at::Tensor& x, const at::Tensor& y, int64_t column, const at::Tensor& to,
               const F& f) {
  const at::Tensor left = x.contiguous(), right = y.contiguous();
  const int64_t n = x.size(0), m = y.size(0), size = x.size(1), k = to.size(2);
  const auto *from = left.const_data_ptr<double>(), *with = right.const_data_ptr<double>();
  auto* result = to.data_ptr<double>() + column;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) f(from + i * size, with + j * size, result + (i * m + j) * k);
}

double chord(const double* x, const double* y, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(sum);
}

// By chords, which are good near 0 and to half the digits near pi; the spaces' own functions are
// exact at both ends, and several times slower over so many pairs.
void fill(const Factor& factor, const at::Tensor& x, const at::Tensor& y, int64_t column,
          const at::Tensor& to) {
  const int64_t size = x.size(1);
  const auto arc = [&](double diameter) {
    each_pair(x, y, column, to, [=](const double* a, const double* b, double* r) {
      *r = 2 * std::asin(std::min(1.0, chord(a, b, size) / diameter));
    });
  };
  const auto* rotations = std::get_if<Rotations>(&factor);
  if (std::holds_alternative<Torus>(factor)) {
    each_pair(x, y, column, to, [=](const double* a, const double* b, double* r) {
      for (int64_t i = 0; i < size; ++i) {
        const double turn = std::abs(a[i] - b[i]);
        r[i] = turn > pi ? 2 * pi - turn : turn;
      }
    });
  } else if (std::holds_alternative<Sphere>(factor)) {
    arc(2);
  } else if (rotations && rotations->n <= 3) {
    arc(std::sqrt(8.0));  // |x - y|^2 = 8 sin^2(w/2) in the Frobenius norm
  } else if (std::holds_alternative<Euclidean>(factor)) {
    each_pair(x, y, column, to,
              [=](const double* a, const double* b, double* r) { *r = chord(a, b, size); });
  } else {
    const int64_t n = x.size(0), m = y.size(0);
    const at::Tensor left = x.repeat_interleave(m, 0), right = y.repeat({n, 1});
    to.select(2, column).copy_(
        std::visit([&](const auto& own) { return own.distance(left, right); }, factor)
            .view({n, m}));
  }
}

// [n, m, K]
at::Tensor separations(const Space& space, const at::Tensor& x, const at::Tensor& y) {
  int64_t all = 0, first = 0, column = 0;
  for (const Factor& factor : space.factors()) all += separations_of(factor);
  at::Tensor result = at::empty({x.size(0), y.size(0), all}, at::kDouble);
  for (const Factor& factor : space.factors()) {
    const int64_t size = std::visit([](const auto& own) { return own.ambient(); }, factor);
    fill(factor, x.narrow(1, first, size), y.narrow(1, first, size), column, result);
    first += size;
    column += separations_of(factor);
  }
  return result;
}

at::Tensor exact(const Space& space, const at::Tensor& x) {
  return space.project(x.detach().to(at::kCPU, at::kDouble));
}

}  // namespace

bool has_separable_kernel(const Space& space) {
  for (const Factor& factor : space.factors()) {
    const auto* rotations = std::get_if<Rotations>(&factor);
    if (rotations && rotations->n > 3) return false;
  }
  return true;
}

HeatKernelTable::Table::Table(Kernel kernel, double tau, double limit)
    : kernel_(std::move(kernel)),
      tau_(tau),
      step_(std::min(limit, kDeviations * std::sqrt(tau)) / kIntervals) {
  for (int64_t i = 0; i <= kIntervals; ++i) {
    const double r = static_cast<double>(i) * step_;
    const auto [value, pull] = kernel_(r, tau_);
    values_.push_back(value);
    slopes_.push_back(-r * pull * step_);
  }
}

double HeatKernelTable::Table::operator()(double r) const {
  const double place = r / step_;
  if (!(place < kIntervals)) return kernel_(r, tau_).log_density;
  const auto i = static_cast<size_t>(place);
  const double u = place - static_cast<double>(i), rise = values_[i + 1] - values_[i];
  const double a = slopes_[i] - rise, b = rise - slopes_[i + 1];
  return values_[i] + u * (rise + (1 - u) * ((1 - u) * a + u * b));
}

HeatKernelTable::HeatKernelTable(const Space& space, double tau) : tau_(tau) {
  TORCH_CHECK(has_separable_kernel(space) && tau > 0, "no table of the heat kernel of ",
              space.name(), " at ", tau);
  const auto add = [&](Table::Kernel kernel, double limit, int64_t separations) {
    table_of_.insert(table_of_.end(), separations, tables_.size());
    tables_.emplace_back(std::move(kernel), tau, limit);
  };
  const double infinite = std::numeric_limits<double>::infinity();
  for (const Factor& factor : space.factors()) {
    const int64_t d = std::visit([](const auto& own) { return own.dimension(); }, factor);
    if (std::holds_alternative<Torus>(factor)) {
      add(circle_kernel, pi, d);
    } else if (std::holds_alternative<Sphere>(factor)) {
      add([d](double r, double t) { return sphere_kernel(d, r, t); }, pi, 1);
    } else if (std::holds_alternative<Rotations>(factor)) {
      add(d == 1 ? Table::Kernel(circle_kernel) : so3_kernel, pi, 1);
    } else if (std::holds_alternative<Hyperbolic>(factor)) {
      add([d](double r, double t) { return hyperbolic_kernel(d, r, t); }, infinite, 1);
    } else {
      add(
          [d](double r, double t) {
            return RadialKernel{
                -r * r / (2 * t) - static_cast<double>(d) / 2 * std::log(2 * pi * t), 1 / t};
          },
          infinite, 1);
    }
  }
}

double HeatKernelTable::log_density(const double* separations) const {
  double sum = 0;
  for (size_t k = 0; k < table_of_.size(); ++k) sum += tables_[table_of_[k]](separations[k]);
  return sum;
}

void for_pairs(const Space& space, const at::Tensor& x, const at::Tensor& y,
               const std::function<void(int64_t first, const at::Tensor& separations)>& f) {
  const at::NoGradGuard no_gradients;
  const at::Tensor here = exact(space, x), there = exact(space, y);
  const int64_t n = x.size(0), m = y.size(0), run = std::max<int64_t>(1, kPairsAtATime / m);
  for (int64_t first = 0; first < n; first += run) {
    const int64_t rows = std::min(run, n - first);
    f(first, separations(space, here.narrow(0, first, rows), there));
  }
}

at::Tensor pair_distances(const Space& space, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor distances = at::empty({x.size(0), y.size(0)}, at::kDouble);
  for_pairs(space, x, y, [&](int64_t first, const at::Tensor& separations) {
    distances.narrow(0, first, separations.size(0)).copy_(separations.square().sum(-1).sqrt());
  });
  return distances;
}

at::Tensor pair_kernels(const Space& space, const at::Tensor& x, const at::Tensor& y, double tau) {
  const HeatKernelTable table(space, tau);
  at::Tensor kernels = at::empty({x.size(0), y.size(0)}, at::kDouble);
  for_pairs(space, x, y, [&](int64_t first, const at::Tensor& separations) {
    const int64_t pairs = separations.size(0) * separations.size(1), k = separations.size(2);
    const std::vector<double> together(k);
    const double largest = table.log_density(together.data());
    const auto* from = separations.const_data_ptr<double>();
    auto* to = kernels[first].data_ptr<double>();
    for (int64_t i = 0; i < pairs; ++i) to[i] = std::exp(table.log_density(from + i * k) - largest);
  });
  return kernels;
}

}  // namespace ornstein
