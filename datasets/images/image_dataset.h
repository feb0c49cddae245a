// Reads data files of kind `images`: `images` [N, C, H, W], uint8 (v -> v / 127.5 - 1) or float32
// (as they are); optional `labels` [N] and `split` [N], integers, and `log_density` [N], nats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace ornstein::images {

// The rows of all `files`, one after the other; they must agree in C, H, W, type and in having
// labels and a split. rows() gives x [b, C, H, W] float32 and, if there are labels, labels [b];
// classes = largest label + 1. Every value is checked and hashed here, once. Up to `memory` bytes
// of images are then held in memory in their stored type; more stay on disk and are read on demand.
// Throws DataError naming file, data set and row.
DataSource open_images(const std::vector<std::string>& files, int64_t memory = int64_t{1} << 30);

// The same of images that are there already, float32 [N, C, H, W], contiguous, with a split [N] and
// a log_density [N] or neither. A file that holds them has the same content hash.
DataSource hold_images(const at::Tensor& images, const at::Tensor& split,
                       const at::Tensor& log_density);

}  // namespace ornstein::images
