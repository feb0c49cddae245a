// Grids that samples are drawn on when nobody names one.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/math/grid.h"
#include "framework/training/trainer.h"

namespace ornstein::function_diffusion {

// Coordinates [n, 1] or [n, m, 2] float32 of as many points as spec.shape has: along each axis
// those of the training row that has most. An axis that no training row has in full (only held-out
// ones do) gets equal spacing over the domain.
at::Tensor finest_grid(const Dataset& train, const ParallelRows& rows);

// Coordinates, float32, with a point between each two neighbours more: of 2 n - 1 points along an
// axis, or 2 n if it is periodic. Those of the grid itself are every second one.
at::Tensor refined(const Grid& grid);
at::Tensor every_second(const at::Tensor& f);  // [B, C, n(, m)], along the grid's axes

}  // namespace ornstein::function_diffusion
