#include <gtest/gtest.h>

#include "datasets/points/space_picture.h"

namespace ornstein::points {
namespace {

// Row and column of the middle of what is black, in shares of the picture.
std::pair<double, double> place_of(const std::string& space, const std::vector<double>& point) {
  const at::Tensor x = at::tensor(point, at::kDouble).expand({400, -1});
  const at::Tensor picture = picture_on_space(space, x);
  const at::Tensor dark = at::nonzero(picture.amax(2) < 30).to(at::kDouble);
  EXPECT_EQ(dark.size(0), 9) << space;  // one point of 3 x 3 pixels
  const at::Tensor middle = dark.mean(0) + 0.5;
  return {middle[0].item<double>() / static_cast<double>(picture.size(0)),
          middle[1].item<double>() / static_cast<double>(picture.size(1))};
}

void expect_place(const std::string& space, const std::vector<double>& point, double row,
                  double column) {
  const auto [found_row, found_column] = place_of(space, point);
  EXPECT_NEAR(found_row, row, 0.003) << space;
  EXPECT_NEAR(found_column, column, 0.003) << space;
}

TEST(SpacePicture, PutsPlacesWhereMollweideDoes) {
  const double half_height = 0.47, half_width = 0.94 / 1.94;      // inside the margins
  expect_place("sphere", {1, 0, 0}, 0.5, 0.5);                    // the map's middle: 0, 0
  expect_place("sphere", {0, 0, 1}, 0.5 - half_height, 0.5);      // the north pole on top
  expect_place("sphere", {0, 1, 0}, 0.5, 0.5 + half_width / 2);   // 90 degrees east
  expect_place("sphere", {0, -1, 0}, 0.5, 0.5 - half_width / 2);  // and west
  // Mollweide's parallel of t = 30 degrees has sin(latitude) = (pi/3 + sin(pi/3))/pi.
  const double z = 1.0 / 3 + std::sqrt(0.75) / M_PI;
  expect_place("sphere", {std::sqrt(1 - z * z), 0, z}, 0.5 - half_height / 2, 0.5);
}

TEST(SpacePicture, PutsAnglesOnASquareAndHyperbolicPointsOnADisc) {
  expect_place("torus", {0, 0, 2}, 0.5, 0.5);
  expect_place("torus", {M_PI / 2, -M_PI / 2}, 0.5 + 0.47 / 2, 0.5 + 0.47 / 2);
  expect_place("hyperbolic", {1, 0, 0}, 0.5, 0.5);
  const double r = 2 * std::atanh(0.5);  // at half the disc's radius
  expect_place("hyperbolic", {std::cosh(r), 0, std::sinh(r)}, 0.5 - 0.47 / 2, 0.5);
}

TEST(SpacePicture, ShowsRotationsByWhereTheyTakeTheVerticalAxis) {
  const at::Tensor one = at::tensor({0., 0., 1., 1., 0., 0., 0., 1., 0.}, at::kDouble);
  const at::Tensor picture = picture_on_space("so3", one.expand({400, 9})).to(at::kLong);
  // e_z goes to e_x: the map's middle, in a colour.
  const at::Tensor middle = picture[picture.size(0) / 2][picture.size(1) / 2];
  EXPECT_LT(middle.min().item<int64_t>(), middle.max().item<int64_t>());
}

TEST(SpacePicture, ShowsBinaryRowsAsLatticesOrGraphs) {
  // A row of 9 is a 3 x 3 lattice, a row of 6 a graph of four nodes.
  const at::Tensor lattice = at::tensor({1., 0., 0., 0., 0., 0., 0., 0., 0.}).unsqueeze(0);
  const at::Tensor square = (picture_on_space("binary", lattice) == 0).squeeze(2);
  EXPECT_EQ(square.sum().item<int64_t>(), 40 * 40);
  EXPECT_EQ(square.slice(0, 0, 44).slice(1, 0, 44).sum().item<int64_t>(), 40 * 40);
  const at::Tensor edge = at::tensor({0., 0., 1., 0., 0., 0.}).unsqueeze(0);  // of nodes 0 and 3
  const at::Tensor graph = (picture_on_space("binary", edge) == 0).squeeze(2);
  EXPECT_EQ(graph.sum().item<int64_t>(), 2 * 30 * 30);
  EXPECT_TRUE(at::equal(graph, graph.t()));
}

TEST(SpacePicture, SurvivesWhatABadModelDraws) {
  for (const std::string& space : {"sphere", "torus", "so3", "hyperbolic", "binary", "simplex"}) {
    const int64_t numbers = space == "so3" ? 9 : 3;
    picture_on_space(space, at::full({5, numbers}, std::nan("")));
    picture_on_space(space, at::full({5, numbers}, 1e30));
    picture_on_space(space, at::zeros({5, numbers}));
  }
}

}  // namespace
}  // namespace ornstein::points
