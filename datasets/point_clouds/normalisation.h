// Where clouds are put, and how large they are made: x = (original - shift) / scale, both stored
// beside the points, so that it can be undone.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ornstein::point_clouds {

//   shape_unit   each cloud has mean 0, and standard deviation 1 over all its numbers
//   shape_box    the middle of each cloud's bounding box is 0, its longest side runs from -1 to 1
//   global_unit  mean 0 and standard deviation 1 over all clouds together: sizes stay comparable
//   none         shift 0, scale 1
const std::vector<std::string>& normalisations();

struct Normalisation {
  at::Tensor shift;  // [N, D] float64
  at::Tensor scale;  // [N] float64, > 0; 1 for a cloud that is one place
};

// `points` [N, P, D] float64.
Normalisation normalisation_of(const at::Tensor& points, const std::string& name);
at::Tensor normalised(const at::Tensor& points, const Normalisation& normalisation);

}  // namespace ornstein::point_clouds
