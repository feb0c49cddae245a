// The rows that the variables of a NetCDF file hold: which axes are rows and which are space, how
// large fields are cut into tiles.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/functions/domain_settings.h"
#include "datasets/functions/netcdf_file.h"

namespace ornstein::functions {

class NetcdfFields {
 public:
  // Reads the keys `variable`, `space`, `rows`, `stride` and `tile` (function_import.h).
  NetcdfFields(const std::string& path, const ConfigReader& settings, const DomainSettings& domain);

  const std::string& path() const { return file_.path(); }
  int64_t rows() const { return rows_; }
  bool tiled() const { return tile_ > 0; }
  std::vector<int64_t> shape() const;  // of a row: [C, n] or [C, n, m]
  const std::vector<std::string>& variables() const { return names_; }  // the channels

  // [C, n(, m)] float64, NaN where missing.
  at::Tensor read(int64_t row) const;

  const std::vector<at::Tensor>& points() const { return points_; }  // [n] float64 of each axis
  const std::vector<double>& period() const { return period_; }      // one an axis, 0: none
  std::string attribute(const std::string& name) const;  // of the channels, those that differ

 private:
  struct Axis {
    std::string name;
    size_t place = 0;    // among the variables' axes
    int64_t length = 0;  // of a space axis: the points used, before the stride
    int64_t tiles = 1;   // of a space axis
  };
  const NetcdfFile::Variable& channel(size_t index) const { return *file_.find(names_[index]); }
  void choose_variables();
  void choose_axes();
  Axis axis_called(const std::string& name, const std::string& key) const;
  void place_points(const DomainSettings& domain);
  at::Tensor own_points(Axis& axis, double& period) const;

  NetcdfFile file_;
  ConfigReader settings_;
  std::vector<std::string> names_;
  std::vector<Axis> row_axes_, space_;
  int64_t stride_ = 1, tile_ = 0, rows_ = 1;
  std::vector<at::Tensor> points_;
  std::vector<double> period_;
};

}  // namespace ornstein::functions
