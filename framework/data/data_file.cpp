#include "framework/data/data_file.h"

#include <filesystem>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

constexpr int64_t kFormatVersion = 1;
constexpr int64_t kMostClasses = 65536;  // more is a mistake (a row number, an id), not a class

// The optional data set `name`, whole numbers 0..end-1, one a row.
at::Tensor read_integers(const Hdf5File& file, const std::string& name, int64_t rows, int64_t end) {
  if (!file.has("/" + name)) return {};
  const auto shape = file.shape("/" + name);
  if (shape != std::vector<int64_t>{rows})
    throw DataError(fmt::format("{}: '{}' has shape [{}] (one number a row is needed: [{}])",
                                file.path(), name, fmt::join(shape, ", "), rows));
  if (!at::isIntegralType(file.type("/" + name), /*includeBool=*/true))
    throw DataError(fmt::format("{}: '{}' is {} (integers are needed)", file.path(), name,
                                c10::toString(file.type("/" + name))));
  const at::Tensor values = file.read("/" + name).to(at::kLong);
  const at::Tensor outside = at::nonzero((values < 0).logical_or(values >= end));
  if (outside.numel() > 0) {
    const auto row = outside[0].item<int64_t>();
    throw DataError(fmt::format("{}: row {} of '{}' is {} (out of range: 0 to {})", file.path(),
                                row, name, values[row].item<int64_t>(), end - 1));
  }
  return values;
}

}  // namespace

Hdf5File open_data_file(const std::string& path, const std::string& kind) {
  Hdf5File file = Hdf5File::open(path);
  for (const char* name : {"kind", "format_version"})
    if (!file.has_attribute("/", name))
      throw DataError(fmt::format(
          "{}: has no root attribute '{}' (every data file says what it holds) "
          "set kind = \"{}\" and format_version = {}, or make the file by `ornstein data import`",
          path, name, kind, kFormatVersion));
  const std::string holds = file.text_attribute("/", "kind");
  if (holds != kind)
    throw DataError(
        fmt::format("{}: holds {} (dataset.kind is {}) change dataset.kind or "
                    "dataset.path",
                    path, holds, kind));
  const int64_t version = file.integer_attribute("/", "format_version");
  if (version != kFormatVersion)
    throw DataError(fmt::format("{}: has format_version {} (this program reads {})", path, version,
                                kFormatVersion));
  return file;
}

at::Tensor read_labels(const Hdf5File& file, int64_t rows) {
  return read_integers(file, "labels", rows, kMostClasses);
}

void write_classes(const std::vector<std::string>& folders, Hdf5File& file) {
  std::vector<std::string> names = folders;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<int64_t> labels;
  for (const std::string& folder : folders)
    labels.push_back(std::lower_bound(names.begin(), names.end(), folder) - names.begin());
  file.write("/labels", at::tensor(labels, at::kLong));
  file.write_attribute("/", "class_names", fmt::format("{}", fmt::join(names, "\n")));
}

at::Tensor read_split(const Hdf5File& file, int64_t rows) {
  const at::Tensor split = read_integers(file, "split", rows, 3);
  return split.defined() ? split.to(at::kByte) : split;
}

at::Tensor read_log_density(const Hdf5File& file, int64_t rows) {
  if (!file.has("/log_density")) return {};
  if (file.shape("/log_density") != std::vector<int64_t>{rows})
    throw DataError(
        fmt::format("{}: 'log_density' has shape [{}] (one number a row is needed: [{}])",
                    file.path(), fmt::join(file.shape("/log_density"), ", "), rows));
  const at::Tensor values = file.read("/log_density").to(at::kDouble);
  const at::Tensor wrong = at::nonzero(values.isfinite().logical_not());
  if (wrong.numel() > 0) {
    const int64_t row = wrong[0].item<int64_t>();
    throw DataError(fmt::format("{}: row {} of 'log_density' is {} (a finite number is needed)",
                                file.path(), row, values[row].item<double>()));
  }
  return values;
}

void write_data_file(const std::string& output, const std::string& kind,
                     const std::function<void(Hdf5File&)>& fill) {
  const std::string beside = output + ".part";
  std::error_code failure;
  try {
    Hdf5File file = Hdf5File::create(beside);
    file.write_attribute("/", "kind", kind);
    file.write_attribute("/", "format_version", kFormatVersion);
    fill(file);
    file.close();
    std::filesystem::rename(beside, output, failure);
    if (failure)
      throw DataError(fmt::format("{}: cannot be written ({})", output, failure.message()));
  } catch (...) {
    std::filesystem::remove(beside, failure);
    throw;
  }
}

}  // namespace ornstein
