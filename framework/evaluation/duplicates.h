// Rows that occur more than once: a held-out row that is also a training row says nothing of what
// was learned, and a density may grow without bound there.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/evaluation/figure.h"

namespace ornstein {

// [b] bool: which of rows [b, D] occur, number for number, among those of `among` [n, D], of one
// type.
at::Tensor occur_in(const at::Tensor& rows, const at::Tensor& among);

// `duplicates`, the share of held-out rows that are training rows.
Figure duplicates_figure(const at::Tensor& held_out, const at::Tensor& train);

}  // namespace ornstein
