#include "datasets/functions/netcdf_fields.h"

#include "framework/base/errors.h"
#include "framework/config/did_you_mean.h"

namespace ornstein::functions {
namespace {

constexpr double kCircle = 360;  // degrees
// Of a step: how far a point may lie from where a regular axis has it (files in single precision).
constexpr double kIrregular = 0.05;

std::vector<std::string> names_in(const ConfigReader& settings, const char* key) {
  return settings.has(key) ? settings.text_or_texts(key) : std::vector<std::string>();
}

double mean_step(const at::Tensor& points) {
  return (points[-1] - points[0]).item<double>() / static_cast<double>(points.numel() - 1);
}

bool regular(const at::Tensor& points) {
  const double step = mean_step(points);
  const at::Tensor expected = points[0] + at::arange(points.numel(), at::kDouble) * step;
  return (points - expected).abs().max().item<double>() <= kIrregular * std::abs(step);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

NetcdfFields::NetcdfFields(const std::string& path, const ConfigReader& settings,
                           const DomainSettings& domain)
    : file_(NetcdfFile::open(path)),
      settings_(settings),
      names_(names_in(settings, "variable")),
      stride_(settings.integer("stride", 1, 1)),
      tile_(settings.integer("tile", 0, 0)) {
  choose_variables();
  choose_axes();
  place_points(domain);
  for (const Axis& axis : row_axes_) rows_ *= axis.length;
  for (const Axis& axis : space_) rows_ *= axis.tiles;
}

void NetcdfFields::choose_variables() {
  std::vector<std::string> fields;
  size_t most = 1;
  for (const auto& variable : file_.variables()) {
    if (variable.is_coordinate() || variable.axes.size() < most) continue;
    if (variable.axes.size() > most) fields.clear();
    most = variable.axes.size();
    fields.push_back(variable.name);
  }
  if (names_.empty()) {
    if (fields.size() != 1)
      settings_.fail("variable", fmt::format("is not set, and {} has {}: one, or a list (channels)",
                                             path(), fmt::join(fields, ", ")));
    names_ = fields;
  }
  for (const std::string& name : names_) {
    if (!file_.find(name))
      settings_.fail("variable", fmt::format("{} has no variable '{}'{}", path(), name,
                                             did_you_mean(name, fields)));
    if (file_.find(name)->axes != channel(0).axes)
      settings_.fail("variable",
                     fmt::format("'{}' has axes [{}], '{}' has [{}] (channels share them)", name,
                                 fmt::join(file_.find(name)->axes, ", "), names_[0],
                                 fmt::join(channel(0).axes, ", ")));
  }
  if (c10::multiply_integers(channel(0).shape) == 0)
    throw DataError(fmt::format("{}: {} is empty (axes [{}] of [{}] points)", path(), names_[0],
                                fmt::join(channel(0).axes, ", "),
                                fmt::join(channel(0).shape, ", ")));
}

NetcdfFields::Axis NetcdfFields::axis_called(const std::string& name,
                                             const std::string& key) const {
  const auto& axes = channel(0).axes;
  const auto found = std::find(axes.begin(), axes.end(), name);
  if (found == axes.end())
    settings_.fail(key, fmt::format("{} of {} has no axis '{}'{}", names_[0], path(), name,
                                    did_you_mean(name, axes)));
  const size_t place = found - axes.begin();
  return {.name = name, .place = place, .length = channel(0).shape[place]};
}

void NetcdfFields::choose_axes() {
  std::vector<std::string> rows = names_in(settings_, "rows"), space = names_in(settings_, "space");
  const auto& axes = channel(0).axes;
  if (rows.empty() && space.empty()) {
    if (axes.size() == 3)
      rows = {axes[0]};
    else if (axes.size() == 2 && tile_ > 0)
      space = axes;
    else
      settings_.fail("space", fmt::format("is not set, and {} has axes [{}] (name the one or two "
                                          "that are space)",
                                          names_[0], fmt::join(axes, ", ")));
  }
  const bool only_rows = space.empty(), only_space = rows.empty();
  for (size_t place = 0; place < axes.size(); ++place) {
    const std::string& axis = axes[place];
    if (contains(rows, axis) || contains(space, axis)) continue;
    if (only_space || channel(0).shape[place] == 1)
      rows.push_back(axis);
    else if (only_rows)
      space.push_back(axis);
    else
      settings_.fail("rows", fmt::format("{} of {} points is neither among them nor in space", axis,
                                         channel(0).shape[place]));
  }
  if (space.empty() || space.size() > 2)
    settings_.fail("space", fmt::format("would be [{}] (one or two axes are needed, the others "
                                        "being rows)",
                                        fmt::join(space, ", ")));
  for (const std::string& name : rows) row_axes_.push_back(axis_called(name, "rows"));
  for (const std::string& name : space) {
    if (contains(rows, name)) settings_.fail("space", fmt::format("{} is in rows too", name));
    space_.push_back(axis_called(name, "space"));
  }
}

// The points of a space axis; takes the last one from `axis` where it is the first again. `period`
// becomes that of an axis of longitudes that goes round.
at::Tensor NetcdfFields::own_points(Axis& axis, double& period) const {
  const NetcdfFile::Variable* variable = file_.find(axis.name);
  if (!variable || !variable->is_coordinate())
    settings_.fail("extent", fmt::format("is not set, and {} has no coordinates of its axis {}",
                                         path(), axis.name));
  at::Tensor points = file_.read(*variable);
  const std::string units = file_.text(*variable, "units");
  const bool longitudes =
      contains({"degrees_east", "degree_east", "degrees_E", "degree_E"}, units) ||
      file_.text(*variable, "standard_name") == "longitude";
  if (!longitudes || points.numel() < 3) return points;
  const double step = std::abs(mean_step(points));
  auto is_circle = [&](double length) { return std::abs(length - kCircle) < step / 10; };
  if (is_circle(step * static_cast<double>(points.numel() - 1))) {
    points = points.slice(0, 0, -1);
    --axis.length;
  }
  const bool divides = axis.length % stride_ == 0;  // else the step across the end is another
  if (divides && is_circle(step * static_cast<double>(points.numel()))) period = kCircle;
  return points;
}

void NetcdfFields::place_points(const DomainSettings& domain) {
  std::vector<int64_t> lengths;
  for (Axis& axis : space_) {
    double period = 0;
    at::Tensor points = domain.has_extent() ? at::Tensor() : own_points(axis, period);
    const int64_t used = (axis.length - 1) / stride_ + 1;
    lengths.push_back(tile_ > 0 ? tile_ : used);
    period_.push_back(tile_ > 0 ? 0 : period);
    if (tile_ > used)
      settings_.fail("tile", fmt::format("is {} ({} has {} points)", tile_, axis.name, used));
    if (tile_ > 0) axis.tiles = used / tile_;
    if (!points.defined()) continue;
    points = points.slice(0, 0, {}, stride_);
    if (tile_ > 0) {
      if (!regular(points))
        throw DataError(
            fmt::format("{}: the points of axis {} are irregular (tiles would have "
                        "unequal grids) cut other axes, or leave dataset.tile out",
                        path(), axis.name));
      const double step = mean_step(points);
      points = at::arange(tile_, at::kDouble) * step;
      if (step < 0) points -= points[-1].item<double>();
    }
    points_.push_back(points);
  }
  if (domain.has_extent()) points_ = domain.axes(lengths);
  const auto given = domain.period(std::ssize(space_));
  if (!given.empty()) period_ = given;
}

std::vector<int64_t> NetcdfFields::shape() const {
  std::vector<int64_t> shape{std::ssize(names_)};
  for (const at::Tensor& points : points_) shape.push_back(points.numel());
  return shape;
}

at::Tensor NetcdfFields::read(int64_t row) const {
  std::vector<int64_t> start(channel(0).axes.size(), 0), count(start.size(), 1), order;
  for (const Axis& axis : row_axes_) order.push_back(static_cast<int64_t>(axis.place));
  for (size_t i = space_.size(); i-- > 0; row /= space_[i].tiles) {
    const int64_t points = points_[i].numel();
    start[space_[i].place] = row % space_[i].tiles * points * stride_;
    count[space_[i].place] = (points - 1) * stride_ + 1;
  }
  for (size_t i = row_axes_.size(); i-- > 0; row /= row_axes_[i].length)
    start[row_axes_[i].place] = row % row_axes_[i].length;
  for (const Axis& axis : space_) order.push_back(static_cast<int64_t>(axis.place));
  std::vector<at::Tensor> channels;
  for (size_t i = 0; i < names_.size(); ++i) {
    at::Tensor block = file_.read(channel(i), start, count).permute(order);
    while (block.dim() > std::ssize(space_)) block = block.squeeze(0);  // row axes: one entry each
    for (int64_t axis = 0; axis < block.dim(); ++axis) block = block.slice(axis, 0, {}, stride_);
    channels.push_back(block);
  }
  return at::stack(channels);
}

std::string NetcdfFields::attribute(const std::string& name) const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < names_.size(); ++i) {
    const std::string text = file_.text(channel(i), name);
    if (!text.empty() && !contains(texts, text)) texts.push_back(text);
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace ornstein::functions
