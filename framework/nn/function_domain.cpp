#include "framework/nn/function_domain.h"

#include "framework/base/errors.h"

namespace ornstein {

std::vector<DomainAxis> domain_of(const NetworkShape& shape) {
  const size_t axes = shape.dimensions;
  TORCH_CHECK((axes == 1 || axes == 2) && shape.input.size() == axes + 1,
              "a network for functions needs rows [C, n] or [C, n, m], not [", shape.input, "] in ",
              axes, " dimensions");
  TORCH_CHECK(shape.extent.size() == 2 * axes &&
                  (shape.period.empty() || shape.period.size() == axes) &&
                  (shape.spacing.empty() || shape.spacing.size() == axes),
              "a network for functions needs the extent of every axis");
  std::vector<DomainAxis> domain(axes);
  for (size_t i = 0; i < axes; ++i) {
    domain[i] = {shape.extent[2 * i], shape.extent[2 * i + 1],
                 shape.period.empty() ? 0 : shape.period[i],
                 shape.spacing.empty() ? 0 : shape.spacing[i]};
    TORCH_CHECK(domain[i].length() > 0 && std::isfinite(domain[i].length()), "axis ", i,
                " of the domain has no length");
  }
  return domain;
}

std::vector<at::Tensor> axes_of(const at::Tensor& coordinates) {
  TORCH_CHECK(coordinates.defined(), "this network needs the coordinates of its points");
  const int64_t dimensions = coordinates.size(-1);
  TORCH_CHECK((dimensions == 1 || dimensions == 2) && coordinates.dim() == dimensions + 1,
              "coordinates are [n, 1] or [n, m, 2], not ", coordinates.sizes());
  const at::Tensor exact = coordinates.detach().to(at::kCPU, at::kDouble);
  if (dimensions == 1) return {exact.select(1, 0)};
  const at::Tensor first = exact.select(2, 0), second = exact.select(2, 1);  // [n, m]
  std::vector<at::Tensor> axes = {first.select(1, 0), second.select(0, 0)};
  const double off =
      std::max((first - axes[0].unsqueeze(1)).abs().max().item<double>() - rounding_of(axes[0]),
               (second - axes[1]).abs().max().item<double>() - rounding_of(axes[1]));
  if (off > 0)
    throw ConfigError(
        "coordinates of the plane are no product of two axes (rows or columns of the grid are not "
        "straight) interpolate the data to such a grid");
  return axes;
}

void require_grid(const at::Tensor& x, const at::Tensor& coordinates,
                  const std::vector<DomainAxis>& domain) {
  const int64_t dimensions = domain.size();
  TORCH_CHECK(coordinates.size(-1) == dimensions && x.dim() == dimensions + 2 &&
                  x.sizes().slice(2) == coordinates.sizes().slice(0, dimensions),
              "functions of shape ", x.sizes(), " on coordinates of shape ", coordinates.sizes(),
              " for a network of ", dimensions, " dimensions");
}

double rounding_of(const at::Tensor& x) {
  return 2 * std::numeric_limits<float>::epsilon() * x.abs().max().item<double>();
}

at::Tensor cell_lengths(const at::Tensor& x, const DomainAxis& axis) {
  const int64_t n = x.size(0);
  TORCH_CHECK(n >= 2, "an integral needs two points at least");
  const auto [sorted, order] = x.sort();
  const at::Tensor gaps = sorted.diff();
  const double first = sorted[0].item<double>(), last = sorted[n - 1].item<double>();
  at::Tensor before, after;  // [1]: what lies before the first point, and beyond the last
  if (axis.period > 0) {
    const double gap = axis.period - (last - first);
    if (gap < -rounding_of(x))
      throw ConfigError(fmt::format(
          "coordinates reach over {} (more than the period {}) leave out what comes again",
          last - first, axis.period));
    before = after = at::full({1}, std::max(gap, 0.0) / 2, x.options());
  } else {
    before = (gaps[0] / 2).clamp_max(std::max(first - axis.begin, 0.0)).unsqueeze(0);
    after = (gaps[n - 2] / 2).clamp_max(std::max(axis.end - last, 0.0)).unsqueeze(0);
  }
  const at::Tensor lengths = at::cat({before, gaps / 2}) + at::cat({gaps / 2, after});
  return at::empty_like(lengths).scatter_(0, order, lengths);
}

at::Tensor coordinate_features(const std::vector<at::Tensor>& axes,
                               const std::vector<DomainAxis>& domain,
                               const std::vector<int64_t>& frequencies) {
  std::vector<at::Tensor> features;
  for (size_t i = 0; i < axes.size(); ++i) {
    const DomainAxis& axis = domain[i];
    const at::Tensor position = 2 * (axes[i] - axis.begin) / axis.length() - 1;
    const at::Tensor k = at::arange(1, frequencies[i] + 1, position.options());
    const at::Tensor angles =
        (axis.period > 0 ? M_PI : M_PI / 2) * position.unsqueeze(1) * k;  // [n, frequencies]
    std::vector<at::Tensor> columns = {angles.sin(), angles.cos()};
    if (axis.period == 0) columns.push_back(position.unsqueeze(1));
    const at::Tensor one = at::cat(columns, 1);
    features.push_back(axes.size() == 1 ? one
                       : i == 0         ? one.unsqueeze(1).expand({-1, axes[1].size(0), -1})
                                        : one.unsqueeze(0).expand({axes[0].size(0), -1, -1}));
  }
  return at::cat(features, -1);
}

int64_t coordinate_feature_count(const std::vector<DomainAxis>& domain,
                                 const std::vector<int64_t>& frequencies) {
  int64_t count = 0;
  for (size_t i = 0; i < domain.size(); ++i) count += 2 * frequencies[i] + (domain[i].period == 0);
  return count;
}

double nyquist(const DomainAxis& axis, double period) {
  return axis.spacing > 0 ? period / (2 * axis.spacing) : std::numeric_limits<double>::infinity();
}

bool resolves(double limit, int64_t frequency) {
  return static_cast<double>(frequency) < limit * (1 - 1e-6);
}

std::vector<int64_t> read_frequencies(const ConfigReader& section, const char* key,
                                      int64_t fallback, const std::vector<double>& limits) {
  std::vector<int64_t> highest;
  for (double limit : limits) {
    int64_t frequency = fallback;
    while (frequency > 0 && !resolves(limit, frequency)) --frequency;
    highest.push_back(frequency);
  }
  std::vector<int64_t> frequencies = section.integers(key, highest, 0);
  if (frequencies.size() == 1) frequencies.resize(limits.size(), frequencies[0]);
  if (frequencies.size() != limits.size())
    section.fail(key, fmt::format("has {} numbers for functions of {} coordinates",
                                  frequencies.size(), limits.size()));
  for (size_t i = 0; i < limits.size(); ++i)
    if (!resolves(limits[i], frequencies[i]))
      section.fail(key,
                   fmt::format("{} of axis {} is not below {:.6g} (the Nyquist frequency of the "
                               "coarsest grid) choose fewer",
                               frequencies[i], i, limits[i]));
  return frequencies;
}

}  // namespace ornstein
