// Images whose law is known: what a model learnt from their samples can be held against.
//
//   gaussian_field  a Gaussian field of power-law spectrum, with its log density (gaussian_field.h)
//   phi4            the phi^4 field near its phase transition, known up to a constant (phi4.h)
#pragma once

#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/data/dataset.h"

namespace ornstein::images {

std::vector<std::string> twin_names();

// The twin as [rows, 1, size, size] float32, the first five sixths of the rows split 0, the rest
// split 1. Seed 0: a twin is one fixed set of data. Keys of `dataset`, beside `rows` (10000) and
// `size` (32): `eta` (2) of gaussian_field, `beta` (0.68) of phi4. Throws DataError when there is
// none of that name.
DataSource open_twin(const std::string& name, const ConfigReader& dataset);

}  // namespace ornstein::images
