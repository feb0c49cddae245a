// Makes data files of functions from what people have: tables (CSV, one curve a line), arrays (NPY)
// and NetCDF. Keys come by `--set dataset.key=value`; those of the domain are in domain_settings.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/dataset_factory.h"

namespace ornstein::functions {

// The sources, of one format and one grid, become rows in the order given. Throws DataError or
// ConfigError, and leaves nothing behind when it does.
void import_functions(const std::vector<std::string>& sources, const std::string& output,
                      const ImportOptions& options);

// What each format has read and checked: fills a data file.
using Fill = std::function<void(Hdf5File& file)>;

// Keys: `header` (auto, grid, none; csv_curves.h), `extent`, `period`.
Fill csv_functions(const std::vector<std::string>& sources, const ConfigReader& settings);

// [N, n], [N, C, n], [N, n, m] or [N, C, n, m]. Keys: `dimensions` (1 or 2; required where the
// array has three axes), `extent`, `period`.
Fill npy_functions(const std::vector<std::string>& sources, const ConfigReader& settings);

// Keys:
//   variable   a name, or a list: the channels. Default: the only one of the most axes
//   space      names of one or two axes; default: those that are not rows
//   rows       names of the axes whose product is rows; default: those that are not space. Without
//              either, the first of three axes is rows, and two axes are space where they are cut
//   stride     every how many-eth point of the space axes is taken (1)
//   tile       0, or t: fields are cut into t x t points without overlap, each a row on a grid from
//              0 on; tiles with missing values are dropped, leftovers at the ends too
//   fill       a number in place of missing values, which are an error otherwise
//   extent, period
// Missing is what equals _FillValue or missing_value, or is not finite; scale_factor and add_offset
// are applied. An axis of longitudes that goes round has the period 360, and loses its last point
// if that is the first again. The attribute `units` is kept.
Fill netcdf_functions(const std::vector<std::string>& sources, const ConfigReader& settings);

// What the data file says of its rows beside them.
struct Description {
  at::Tensor coordinates;      // [n, 1] or [n, m, 2]
  std::vector<double> period;  // one an axis, or empty
  std::vector<std::string> sources;
  std::string units, text;  // empty: not known
};
void describe(Hdf5File& file, const Description& description);

}  // namespace ornstein::functions
