// What the data files of every kind share: root attributes `kind` and `format_version`, and the
// optional data sets `labels`, `split` and `log_density`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/checkpoint/hdf5_file.h"

namespace ornstein {

// All throw DataError naming the file, and the row where one row is at fault.

// Opens for reading; the root must say `kind` and format_version 1.
Hdf5File open_data_file(const std::string& path, const std::string& kind);

// [rows] int64, 0 <= label < 65536; undefined when the file has none.
at::Tensor read_labels(const Hdf5File& file, int64_t rows);

// The data set `labels` [N], the place of each row's folder among all folders' names, and the
// attribute `class_names`: what importers make of sub-folders.
void write_classes(const std::vector<std::string>& folders, Hdf5File& file);

// [rows] uint8: 0 train, 1 validation, 2 test; undefined when the file has none.
at::Tensor read_split(const Hdf5File& file, int64_t rows);

// [rows] float64, nats, of a twin's rows under its law; undefined when the file has none.
at::Tensor read_log_density(const Hdf5File& file, int64_t rows);

// Makes `output`: the root attributes that open_data_file wants, and what `fill` writes, go into a
// file beside it, which is renamed at the end, so that a failure leaves nothing behind (and an
// older `output` as it was).
void write_data_file(const std::string& output, const std::string& kind,
                     const std::function<void(Hdf5File&)>& fill);

}  // namespace ornstein
