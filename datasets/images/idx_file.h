// IDX files, the format of MNIST and its kin (LeCun, "The MNIST database", file formats): a magic
// number 00 00 08 D for unsigned bytes in D dimensions, D big-endian 32-bit sizes, the bytes in
// row-major order. Plain or compressed by gzip.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct gzFile_s;

namespace ornstein::images {

// Whether the file begins with an IDX magic number of any element type, or is a gzip stream too
// damaged to tell.
bool is_idx_file(const std::string& path);

class IdxFile {
 public:
  explicit IdxFile(const std::string& path);  // throws DataError, as read() does

  const std::string& path() const { return path_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  // The next ones along dimension 0, uint8 [rows, ...]. With the last ones the file must end, and
  // gzip's checksum hold.
  at::Tensor read(int64_t rows);

 private:
  void read(void* bytes, size_t count);
  [[noreturn]] void fail();

  std::string path_;
  std::shared_ptr<gzFile_s> stream_;
  std::vector<int64_t> shape_;
  int64_t read_ = 0;  // rows
};

}  // namespace ornstein::images
