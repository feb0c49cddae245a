// RAII over the NetCDF C library, reading only: variables of numbers with named axes. NetCDF-4 goes
// through HDF5 without the lock of framework/checkpoint: for importing, where one thread runs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ornstein::functions {

bool is_netcdf_file(const std::string& path);  // classic, 64-bit or NetCDF-4 (HDF5)

class NetcdfFile {
 public:
  struct Variable {
    std::string name;
    std::vector<std::string> axes;
    std::vector<int64_t> shape;
    int id = 0;
    std::vector<double> missing;   // stored numbers that stand for no value
    double scale = 1, offset = 0;  // value = stored * scale + offset
    bool single = false;           // stored in single precision

    // Has the name of its one axis: holds that axis' coordinates.
    bool is_coordinate() const { return axes.size() == 1 && axes[0] == name; }
  };

  // All throw DataError naming the file.
  static NetcdfFile open(const std::string& path);
  NetcdfFile(NetcdfFile&& other) noexcept
      : path_(std::move(other.path_)),
        id_(std::exchange(other.id_, -1)),
        variables_(std::move(other.variables_)) {}
  NetcdfFile& operator=(NetcdfFile&&) = delete;
  ~NetcdfFile();

  const std::string& path() const { return path_; }
  const std::vector<Variable>& variables() const { return variables_; }
  const Variable* find(const std::string& name) const;  // null: no such variable of numbers

  // An attribute's text; empty where there is none.
  std::string text(const Variable& variable, const std::string& attribute) const;

  // The block of `count` entries from `start` on, [count...] float64; NaN where missing.
  at::Tensor read(const Variable& variable, const std::vector<int64_t>& start,
                  const std::vector<int64_t>& count) const;
  at::Tensor read(const Variable& variable) const;  // all of it

 private:
  NetcdfFile(std::string path, int id) : path_(std::move(path)), id_(id) {}
  void read_variables();
  std::vector<double> numbers(int variable, const char* attribute) const;

  std::string path_;
  int id_ = -1;
  std::vector<Variable> variables_;
};

}  // namespace ornstein::functions
