// Points on spaces: what a file may hold, and what importers make of tables as people have them.
#include <numbers>

#include "datasets/points/csv.h"
#include "datasets/points/graph_list.h"
#include "datasets/points/points_dataset.h"
#include "datasets/points/spaces.h"
#include "framework/base/random.h"
#include "tests/datasets/points_support.h"

namespace ornstein::points {
namespace {

using std::numbers::pi;

class PointsOnSpaces : public Points {
 protected:
  // What `data import points` makes of a text with these settings.
  at::Tensor imported(const std::string& content, const std::vector<std::string>& settings) const {
    kind().import({text("table.csv", content)}, path("out.h5"), {.settings = settings});
    return all_of(open_files({path("out.h5")}));
  }
  void expect_no_import(const std::string& content, const std::vector<std::string>& settings,
                        const std::vector<std::string>& parts) const {
    const std::string source = text("table.csv", content);
    std::filesystem::remove(path("out.h5"));
    expect_refusal([&] { kind().import({source}, path("out.h5"), {.settings = settings}); }, parts);
    EXPECT_EQ(files_left(), std::vector<std::string>{"table.csv"});
  }
  static std::string shipped(const std::string& name) {
    return std::string(ORNSTEIN_SOURCE) + "/datasets/points/data/" + name;
  }
};

at::Tensor table(const std::vector<double>& values, int64_t columns) {
  return at::tensor(values, at::kDouble).view({-1, columns});
}

TEST_F(PointsOnSpaces, OffTheirSpaceAreRefusedByRowAndDistance) {
  const std::vector<std::tuple<std::string, at::Tensor, std::string>> cases = {
      {"sphere", table({0, 0.6, 0.8, 0, 0.6, 1.1}, 3), "0.25"},
      {"torus", table({3, -3, 0, 2 * pi + 0.5}, 2), "0.5"},
      {"so3", table({0, -1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1}, 9), "2"},
      {"hyperbolic", table({std::sqrt(2.0), 1, 0, 2.2, std::sqrt(3.0), 0}, 3), "0.1"},
      {"binary", table({0, 1, 1, 0.75}, 2), "0.25"},
      {"product:sphere2,torus1", table({0.6, 0.8, 3, 0.6, 0.8, 7}, 3), "0.72"}};
  for (const auto& [space, x, by] : cases) {
    const auto good = file("good.h5", {{"points", x.slice(0, 0, 1)}}, space);
    EXPECT_EQ(open_files({good}).all->spec().space, space);
    const auto bad = file("bad.h5", {{"points", x}}, space);
    expect_refusal([&] { open_files({bad}); }, {bad, "row 1", space, "by " + by});
  }
}

TEST_F(PointsOnSpaces, AReflectionIsNoRotationThoughItIsOrthogonal) {
  EXPECT_TRUE(first_row_off("so3", table({1, 0, 0, 0, 1, 0, 0, 0, -1}, 9)).has_value());
  EXPECT_FALSE(first_row_off("so3", table({1, 0, 0, 0, -1, 0, 0, 0, -1}, 9)).has_value());
}

TEST_F(PointsOnSpaces, TheLowerSheetIsNotHyperbolicSpace) {
  EXPECT_TRUE(first_row_off("hyperbolic", table({-1, 0, 0}, 3)).has_value());
  // Far out single precision errs in proportion to x_0: that is not held against a row.
  const double far = 3000;
  const at::Tensor x = table({std::sqrt(1 + far * far), far, 0}, 3).to(at::kFloat);
  EXPECT_FALSE(first_row_off("hyperbolic", x).has_value());
}

TEST_F(PointsOnSpaces, OfADimensionTheSpaceCannotHaveAreRefused) {
  const auto four = file("a.h5", {{"points", at::ones({3, 4})}}, "so3");
  expect_refusal([&] { open_files({four}); }, {four, "of 4 numbers", "so3", "9"});
  const auto parts = file("b.h5", {{"points", at::ones({3, 4})}}, "product:sphere3,torus2");
  expect_refusal([&] { open_files({parts}); }, {parts, "5 numbers", "have 4"});
  const auto bare = file("c.h5", {{"points", at::ones({3, 4})}}, "product:sphere,torus2");
  expect_refusal([&] { open_files({bare}); }, {bare, "sphere"});
}

TEST_F(PointsOnSpaces, AnglesComeWithinHalfATurnOfZeroFromMemoryAndDisk) {
  const at::Tensor x = table({0, 3, -3, 3.5, 6.28, -6.28, pi, -pi}, 2).to(at::kFloat);
  const auto path = file("a.h5", {{"points", x}}, "torus");
  for (const int64_t held : {int64_t{0}, kHeldInMemory}) {
    const at::Tensor found = all_of(open_files({path}, held)).to(at::kDouble);
    EXPECT_TRUE((found > -pi - 1e-6).logical_and(found <= pi + 1e-6).all().item<bool>());
    EXPECT_LT((found.cos() - x.cos()).abs().max().item<double>(), 1e-6);
    EXPECT_LT((found.sin() - x.sin()).abs().max().item<double>(), 1e-6);
    EXPECT_GT(found[3][1].item<double>(), 3);  // of -pi and pi the latter
  }
}

TEST_F(PointsOnSpaces, LatitudesAndLongitudesBecomeUnitVectors) {
  const double half = std::sqrt(0.5);
  const at::Tensor expected =
      table({1, 0, 0, 0, 1, 0, 0, 0, 1, half, 0, -half, -half, -half, 0}, 3).to(at::kFloat);
  const std::string rows = "0,0\r\n0,90\r\n90,12\r\n-45,0\r\n0,-135";
  for (const std::string head : {"# events\r\nLATITUDE,LONGITUDE\r\n", "lat, lon\r\n", ""})
    EXPECT_TRUE(at::allclose(imported(head + rows, {"dataset.space=sphere"}), expected, 0, 1e-7));
  EXPECT_TRUE(at::allclose(imported("time,lon,Latitude,place\n"
                                    "x,0,0,\"a, b\"\nx,90,0,\nx,12,90,\nx,0,-45,\nx,-135,0,\n",
                                    {"dataset.space=sphere"}),
                           expected, 0, 1e-7));
  EXPECT_TRUE(at::allclose(imported("u,v,w\n0,0,9\n0,90,9\n90,12,9\n-45,0,9\n0,-135,9",
                                    {"dataset.space=sphere", "dataset.columns=[\"u\",\"v\"]",
                                     "dataset.coordinates=latitude_longitude"}),
                           expected, 0, 1e-7));
}

TEST_F(PointsOnSpaces, ASphereMayAlsoComeAsUnitVectors) {
  EXPECT_EQ(imported("0.6,0.8\n", {"dataset.space=sphere", "dataset.coordinates=ambient"}).size(1),
            2);
  EXPECT_EQ(imported("0.6,0,0.8\n", {"dataset.space=sphere"}).size(1), 3);
  expect_no_import("0.6,0,0.8\n0,1,1\n", {"dataset.space=sphere"}, {"line 2", "by 0.41", "skip"});
}

TEST_F(PointsOnSpaces, ALatitudeBeyondThePoleIsRefusedByLine) {
  expect_no_import("lat,lon\n10,20\n91,20\n", {"dataset.space=sphere"},
                   {"line 3", "91", "latitude"});
  expect_no_import("a,b\n10,20\n20,-361\n", {"dataset.space=sphere"}, {"line 3", "-361"});
}

TEST_F(PointsOnSpaces, WhatIsNoPointIsLeftOutOnlyWhereAllowed) {
  const std::string rows = "lat,lon\n10,20\n,\n91,3\n-5,nan\n30,x\n7,8\n";
  expect_no_import(rows, {"dataset.space=sphere"}, {"line 3"});
  const at::Tensor x = imported(rows, {"dataset.space=sphere", "dataset.skip=true"});
  EXPECT_EQ(x.size(0), 2);
  EXPECT_NEAR(x[1][2].item<double>(), std::sin(7 * pi / 180), 1e-7);
  EXPECT_EQ(Hdf5File::open(path("out.h5")).integer_attribute("/", "skipped"), 4);
}

TEST_F(PointsOnSpaces, DegreesBecomeRadiansAndTheUnitIsAskedFor) {
  const at::Tensor x =
      imported("phi,psi\n-60,300\n180,-180\n", {"dataset.space=torus", "dataset.unit=degrees"});
  const at::Tensor expected = table({-pi / 3, -pi / 3, pi, pi}, 2).to(at::kFloat);
  EXPECT_TRUE(at::allclose(x, expected, 0, 1e-6)) << x;
  EXPECT_EQ(imported("1,2\n", {"dataset.space=torus", "dataset.unit=radians"})[0][1].item<float>(),
            2);
  expect_no_import("1,2\n", {"dataset.space=torus"}, {"dataset.unit", "degrees"});
  expect_no_import("1,200\n", {"dataset.space=torus", "dataset.unit=radians"}, {"line 1", "turn"});
}

TEST_F(PointsOnSpaces, ImportsRefuseWhatTheyDoNotKnow) {
  expect_no_import("1,2\n", {"dataset.space=spere"}, {"spere", "sphere"});
  expect_no_import("1,2\n", {"dataset.unit=degrees"}, {"unit"});
  expect_no_import("lat,lon\n1,2\n",
                   {"dataset.space=sphere", "dataset.columns=[\"lat\",\"height\"]"},
                   {"height", "lat, lon"});
}

TEST_F(PointsOnSpaces, GraphsBecomeUpperTrianglesAndBack) {
  const at::Tensor x =
      imported("2\n3 2\n0 1\n1 2\n4 1\n2 3\n", {"dataset.space=binary", "dataset.graphs=true"});
  // (0,1) (0,2) (0,3) (1,2) (1,3) (2,3)
  EXPECT_TRUE(at::equal(x, table({1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, 6).to(at::kFloat)));
  const DataSource source = open_files({path("out.h5")});
  EXPECT_EQ(source.all->spec().space, "binary");
  const at::Tensor sizes = source.all->rows(at::arange(2)).labels;
  EXPECT_TRUE(at::equal(sizes, at::tensor({3, 4}, at::kLong)));
  const at::Tensor matrix = adjacency_of(x);
  EXPECT_TRUE(at::equal(matrix, matrix.transpose(1, 2)));
  EXPECT_TRUE(at::equal(matrix.sum(2)[0], at::tensor({1.f, 2.f, 1.f, 0.f})));
  EXPECT_EQ(nodes_of_triangle(190), 20);
  EXPECT_EQ(nodes_of_triangle(9), 0);
}

TEST_F(PointsOnSpaces, BrokenGraphListsAreRefusedByLine) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"1\n3 1\n0 3\n", {"line 3", "node 3"}},
      {"1\n3 1\n1 1\n", {"line 3", "itself"}},
      {"1\n3 2\n0 1\n1 0\n", {"line 4", "second time"}},
      {"2\n3 1\n0 1\n", {"line 4"}},
      {"0\n", {"line 1", "no graph"}},
      {"1\n3 1\n0\n", {"line 3", "edge"}}};
  for (const auto& [content, parts] : cases)
    expect_no_import(content, {"dataset.space=binary", "dataset.graphs=true"}, parts);
}

TEST_F(PointsOnSpaces, ShippedDataHaveTheirKnownSizes) {
  const std::vector<std::tuple<std::string, std::string, int64_t, int64_t>> events = {
      {"volerup.csv", "sphere", 827, 267},
      {"quakes_all.csv", "sphere", 6120, 5447},
      {"fire.csv", "sphere", 12809, 12802}};
  for (const auto& [name, space, rows, distinct] : events) {
    kind().import({shipped(name)}, path("out.h5"), {.settings = {"dataset.space=sphere"}});
    const at::Tensor x = all_of(open_files({path("out.h5")}));
    EXPECT_EQ(x.sizes(), (std::vector<int64_t>{rows, 3}));
    EXPECT_EQ(std::get<0>(at::unique_dim(x, 0)).size(0), distinct) << name;
  }
  for (const auto& [name, rows, angles] :
       {std::tuple{"top8000_trp.csv", 18748, 4}, std::tuple{"top8000_cispro.csv", 2780, 5},
        std::tuple{"top8000_cys_noss.csv", 12701, 3}}) {
    kind().import({shipped(name)}, path("out.h5"),
                  {.settings = {"dataset.space=torus", "dataset.unit=degrees"}});
    EXPECT_EQ(all_of(open_files({path("out.h5")})).sizes(), (std::vector<int64_t>{rows, angles}));
  }
  kind().import({shipped("community_small.txt")}, path("out.h5"),
                {.settings = {"dataset.space=binary", "dataset.graphs=true"}});
  const Batch graphs = open_files({path("out.h5")}).all->rows(at::arange(100));
  EXPECT_EQ(graphs.x.size(1), 20 * 19 / 2);
  EXPECT_NEAR(graphs.x.sum(1).mean().item<double>(), 37.0, 0.05);
  EXPECT_NEAR(graphs.labels.to(at::kDouble).mean().item<double>(), 15.7, 0.05);
}

}  // namespace
}  // namespace ornstein::points
