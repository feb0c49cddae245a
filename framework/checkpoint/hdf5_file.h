// RAII over the HDF5 C library. The library is taken as not thread-safe: every call here holds one
// process-wide mutex, per tensor or block of rows (at most 8 MB), never across an fsync, so that a
// checkpoint does not stall the loader. Files carry no times (H5Pset_obj_track_times off) and the
// default format: equal content, equal bytes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ornstein {

class Hdf5File {
 public:
  // All throw DataError naming file and object. Names are absolute ("/images"); missing groups are
  // made on writing.
  static Hdf5File open(const std::string& path);  // read-only
  static Hdf5File create(const std::string& path,
                         uint64_t user_block = 0);  // truncates; user block of 0 or 512 bytes
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();
  void close();  // throws if the library could not write everything; the destructor is silent

  const std::string& path() const { return path_; }

  // Data sets.
  bool has(const std::string& name) const;   // a data set or group
  std::vector<std::string> tensors() const;  // names of all data sets, depth first, sorted
  std::vector<int64_t> shape(const std::string& name) const;
  at::ScalarType type(const std::string& name) const;  // uint8, int8..64, float32, float64, bool
  at::Tensor read(const std::string& name) const;      // whole, its own type
  at::Tensor read_rows(const std::string& name, int64_t first, int64_t rows) const;  // along axis 0
  at::Tensor read_rows(const std::string& name,
                       const at::Tensor& sorted_rows) const;      // [b] int64, strictly rising
  void write(const std::string& name, const at::Tensor& tensor);  // contiguous layout
  void allocate(const std::string& name, at::ScalarType type,
                const std::vector<int64_t>& shape);  // for write_rows
  void write_rows(const std::string& name, int64_t first, const at::Tensor& rows);
  int64_t offset(
      const std::string& name) const;  // in the file, of its first byte; -1 while nothing is stored

  // Attributes of an object ("/" is the root).
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  int64_t integer_attribute(const std::string& object, const std::string& name) const;
  std::vector<double> numbers_attribute(const std::string& object,
                                        const std::string& name) const;  // one number, or a list
  std::vector<std::string> attributes(const std::string& object) const;
  void write_attribute(const std::string& object, const std::string& name, const std::string& text);
  void write_attribute(const std::string& object, const std::string& name, int64_t value);
  void write_attribute(const std::string& object, const std::string& name,
                       const std::vector<double>& values);  // a list

 private:
  Hdf5File(std::string path, int64_t id) : path_(std::move(path)), id_(id) {}
  std::string path_;
  int64_t id_ = -1;
};

}  // namespace ornstein
