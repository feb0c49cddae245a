#include "datasets/functions/domain_settings.h"

namespace ornstein::functions {

DomainSettings::DomainSettings(const ConfigReader& settings)
    : settings_(settings),
      extent_(settings.numbers("extent", std::vector<double>())),
      period_(settings.numbers("period", std::vector<double>())) {}

std::vector<at::Tensor> DomainSettings::axes(const std::vector<int64_t>& points) const {
  if (has_extent() && extent_.size() != 2 * points.size())
    settings_.fail("extent", fmt::format("has {} numbers (two an axis, of {})", extent_.size(),
                                         points.size()));
  const std::vector<double> periods = period(std::ssize(points));
  std::vector<at::Tensor> axes;
  for (size_t axis = 0; axis < points.size(); ++axis) {
    const double length = periods.empty() ? 0 : periods[axis];
    const double from = has_extent() ? extent_[2 * axis] : 0;
    const double to = has_extent() ? extent_[2 * axis + 1] : length > 0 ? length : 1;
    if (!(to > from))
      settings_.fail("extent", fmt::format("goes from {} to {} (must rise)", from, to));
    if (length > 0 && std::abs(to - from - length) > 1e-6 * length)
      settings_.fail("extent", fmt::format("goes from {} to {} (the axis has the period {}) make "
                                           "it one period long",
                                           from, to, length));
    if (length > 0)
      axes.push_back(from + at::arange(points[axis], at::kDouble) *
                                (length / static_cast<double>(points[axis])));
    else
      axes.push_back(at::linspace(from, to, points[axis], at::kDouble));
  }
  return axes;
}

void DomainSettings::refuse_extent(const std::string& what) const {
  if (has_extent())
    settings_.fail("extent", what + " has coordinates of its own (leave the key out)");
}

std::vector<double> DomainSettings::period(int64_t axes) const {
  if (!period_.empty() && std::ssize(period_) != axes)
    settings_.fail("period",
                   fmt::format("has {} numbers (one an axis, of {})", period_.size(), axes));
  return period_;
}

}  // namespace ornstein::functions
