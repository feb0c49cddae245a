// Functions whose law is known: what a model learnt from their samples can be held against.
//
//   gaussian_process  N(0, C) of a kernel of framework/math/kernel.h on a line or a square
//   gp_mixture        +-(10 x - 5) with equal weights, plus a Gaussian process of kernel
//                     0.4 exp(-(x - y)^2/(2 0.1^2)) (Kerrigan, Ley and Smyth 2023,
//                     arXiv:2212.00886, sec. 5)
//   linear_functions  a x + b, a ~ N(2, 0.25^2), b ~ N(-1, 0.07^2) (ibid.)
//
// All live on [0, 1], both ends being points, or, where periodic, on [0, L) at j L/n.
#pragma once

#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/data/dataset.h"

namespace ornstein::functions {

std::vector<std::string> twin_names();

// The twin's first five sixths of rows are split 0, the rest split 1. Row i depends on the keys,
// but `rows`, and on i alone: a twin is one fixed set of data. Keys of `dataset`: `rows` (6000),
// `n` points an axis (64); of gaussian_process also `kernel` (matern), `length` (0.1), `nu` (1.5),
// `variance` (1), `dimensions` (1), `period` (0: none). A Gaussian process of at most 1024 points
// has its log density, unless the kernel is so smooth that single precision hides it (the squared
// exponential). Throws DataError when there is no twin of that name.
DataSource open_twin(const std::string& name, const ConfigReader& dataset);

}  // namespace ornstein::functions
