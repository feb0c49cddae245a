#include "trainers/point_cloud/cloud_scores.h"

namespace ornstein::point_cloud {
namespace {

// [n]: of each reference from the nearest sample.
at::Tensor matching_distances(const SetDistances& distances) {
  return std::get<0>(distances.across.min(0));
}

// [2n] float64, samples first: 1 where the nearest other cloud is of the same set.
at::Tensor matches(const SetDistances& distances) {
  const int64_t n = distances.across.size(0);
  at::Tensor all = at::cat({at::cat({distances.samples, distances.across}, 1),
                            at::cat({distances.across.t(), distances.references}, 1)});
  all.fill_diagonal_(std::numeric_limits<double>::infinity());
  const at::Tensor of_samples = all.argmin(1) < n;
  return (of_samples == (at::arange(2 * n, all.options().dtype(at::kLong)) < n)).to(at::kDouble);
}

}  // namespace

double minimum_matching_distance(const SetDistances& distances) {
  return matching_distances(distances).mean().item<double>();
}

double coverage(const SetDistances& distances) {
  const at::Tensor covered = std::get<0>(at::_unique(distances.across.argmin(1)));
  return static_cast<double>(covered.numel()) / static_cast<double>(distances.across.size(1));
}

double nearest_neighbour_accuracy(const SetDistances& distances) {
  return matches(distances).mean().item<double>();
}

std::vector<Figure> set_figures(const std::string& name, const std::string& unit,
                                const SetDistances& distances) {
  return {mean_figure("mmd_" + name, matching_distances(distances), unit),
          {"cov_" + name, coverage(distances), 0, ""},
          mean_figure("1nna_" + name, matches(distances), "")};
}

}  // namespace ornstein::point_cloud
