#include "datasets/functions/npy_file.h"

#include <filesystem>
#include <fstream>
#include <regex>

#include "framework/base/errors.h"

namespace ornstein::functions {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPrefix = 8;  // magic and version, before the header's length

std::string read_bytes(const std::string& path, int64_t offset, size_t count) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(count, '\0');
  file.seekg(offset);
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(file.gcount());
  return bytes;
}

// The value of `key` in the header, a Python literal: {'descr': '<f4', 'shape': (3, 4), }.
std::string value_of(const std::string& header, const std::string& key,
                     const std::string& pattern) {
  std::smatch found;
  const std::regex entry("['\"]" + key + "['\"]\\s*:\\s*" + pattern);
  return std::regex_search(header, found, entry) ? found[1].str() : "";
}

}  // namespace

bool is_npy_file(const std::string& path) { return read_bytes(path, 0, kMagic.size()) == kMagic; }

NpyFile open_npy(const std::string& path) {
  auto refuse = [&](const std::string& problem) {
    throw DataError(fmt::format("{}: {}", path, problem));
  };
  const std::string start = read_bytes(path, 0, kPrefix + 4);
  if (start.size() < kPrefix + 4 || !start.starts_with(kMagic)) refuse("is no NPY file");
  const size_t length_bytes = start[kMagic.size()] == 1 ? 2 : 4;
  size_t length = 0;  // little-endian
  for (size_t i = length_bytes; i-- > 0;)
    length = length << 8 | static_cast<uint8_t>(start[kPrefix + i]);
  if (length > (size_t{1} << 20)) refuse("is damaged (its header is longer than 1 MB)");
  NpyFile file{.path = path, .offset = static_cast<int64_t>(kPrefix + length_bytes + length)};
  const std::string header = read_bytes(path, kPrefix + length_bytes, length);

  const std::string type = value_of(header, "descr", "'([^']*)'");
  if (type != "<f4" && type != "<f8")
    refuse(
        fmt::format("holds '{}' (float32 or float64, little-endian, is needed) save "
                    "array.astype('<f4')",
                    type));
  file.type = type == "<f4" ? at::kFloat : at::kDouble;
  if (value_of(header, "fortran_order", "(\\w+)") != "False")
    refuse("is in Fortran's order (C order is needed) save numpy.ascontiguousarray(array)");
  const std::string shape = value_of(header, "shape", "\\(([^)]*)\\)");
  const std::regex digits("\\d+");
  for (std::sregex_iterator found(shape.begin(), shape.end(), digits), end; found != end; ++found)
    file.shape.push_back(std::stoll(found->str()));
  const int64_t bytes = c10::multiply_integers(file.shape) * (file.type == at::kFloat ? 4 : 8);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  if (file.offset + bytes > size)
    refuse(fmt::format("is cut short ({} bytes, {} are needed for [{}])", size, file.offset + bytes,
                       fmt::join(file.shape, ", ")));
  return file;
}

at::Tensor NpyFile::read_rows(int64_t first, int64_t rows) const {
  std::vector<int64_t> part = shape;
  part[0] = rows;
  at::Tensor values = at::empty(part, type);
  std::ifstream file(path, std::ios::binary);
  const auto row_bytes = static_cast<int64_t>(values.nbytes()) / std::max<int64_t>(1, rows);
  file.seekg(offset + first * row_bytes);
  file.read(static_cast<char*>(values.mutable_data_ptr()),
            static_cast<std::streamsize>(values.nbytes()));
  if (!file) throw DataError(fmt::format("{}: cannot be read at row {}", path, first));
  return values;
}

}  // namespace ornstein::functions
