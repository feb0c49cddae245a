#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "datasets/functions/curves.h"
#include "datasets/functions/field_mosaic.h"
#include "datasets/functions/function_dataset.h"
#include "datasets/functions/function_samples.h"
#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/data_file.h"
#include "framework/data/grids.h"
#include "tests/datasets/functions_support.h"

namespace ornstein::functions {
namespace {

using Functions = FunctionFiles;

at::Tensor noise(at::IntArrayRef shape) {
  auto generator = make_generator(2);
  return at::randn(shape, generator, at::kFloat);
}

at::Tensor line(int64_t n, double to = 1) {
  return at::linspace(0, to, n, at::kDouble).unsqueeze(1);
}

at::Tensor plane(int64_t n, int64_t m) {
  return at::stack(
      at::meshgrid({at::linspace(0, 1, n, at::kDouble), at::linspace(0, 2, m, at::kDouble)}, "ij"),
      -1);
}

Batch all_of(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows));
}

TEST_F(Functions, ComeBackWithTheirGridAndAllThatStandsBesideThem) {
  const at::Tensor x = noise({30, 2, 7}), condition = noise({30, 3});
  const at::Tensor split = at::arange(30).remainder(3), density = at::arange(30, at::kDouble) / 7;
  const DataSource source = open_files({file("a.h5", {{"values", x},
                                                      {"coordinates", line(7, 3)},
                                                      {"condition", condition},
                                                      {"split", split},
                                                      {"log_density", density}})});
  const DataSpec spec = source.all->spec();
  EXPECT_EQ(spec.kind, "functions");
  EXPECT_EQ(spec.rows, 30);
  EXPECT_EQ(spec.condition, 3);
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{2, 7}));
  EXPECT_EQ(spec.extent, (std::vector<double>{0, 3}));
  EXPECT_EQ(spec.spacing, std::vector<double>{0.5});
  EXPECT_TRUE(spec.period.empty());
  EXPECT_TRUE(at::equal(source.split, split.to(at::kByte)));
  EXPECT_TRUE(at::equal(source.log_density, density));
  const at::Tensor indices = at::tensor({7, 0, 29, 7}, at::kLong);
  const Batch batch = source.all->rows(indices);
  EXPECT_TRUE(at::equal(batch.x, x.index_select(0, indices)));
  EXPECT_TRUE(at::equal(batch.condition, condition.index_select(0, indices)));
  EXPECT_TRUE(at::equal(batch.coordinates, line(7, 3).to(at::kFloat)));
  EXPECT_FALSE(batch.mask.defined());
}

TEST_F(Functions, OfTwoDimensionsKeepBothAxes) {
  const at::Tensor x = noise({6, 1, 4, 9});
  const DataSource source =
      open_files({file("a.h5", {{"values", x}, {"coordinates", plane(4, 9)}}, {0, 2.25})});
  const DataSpec spec = source.all->spec();
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{1, 4, 9}));
  EXPECT_EQ(spec.extent, (std::vector<double>{0, 1, 0, 2}));
  EXPECT_EQ(spec.spacing[1], 0.25);
  EXPECT_EQ(spec.period, (std::vector<double>{0, 2.25}));
  EXPECT_TRUE(at::equal(all_of(source).x, x));
  EXPECT_TRUE(at::equal(all_of(source).coordinates, plane(4, 9).to(at::kFloat)));
}

TEST_F(Functions, InDoublePrecisionAreReadAsSingle) {
  const at::Tensor x = noise({5, 1, 8}).to(at::kDouble) / 3;
  const auto source = open_files({file("a.h5", {{"values", x}, {"coordinates", line(8)}})});
  EXPECT_TRUE(at::equal(all_of(source).x, x.to(at::kFloat)));
}

TEST_F(Functions, OnAxesThatFallAreTurnedRoundWithTheirValues) {
  // The value in a point is a function of the point, so that turning only one of them shows.
  const at::Tensor grid = plane(4, 9).flip(0);  // latitudes from north to south
  const at::Tensor x = (grid.select(-1, 0) * 10 + grid.select(-1, 1)).expand({3, 1, 4, 9});
  const auto path = file("a.h5", {{"values", x.contiguous()}, {"coordinates", grid.contiguous()}});
  for (const int64_t held : {kHeldInMemory, int64_t{0}}) {
    const Batch batch = all_of(open_files({path}, held));
    EXPECT_TRUE(at::equal(batch.coordinates, plane(4, 9).to(at::kFloat)));
    const at::Tensor expected =
        batch.coordinates.select(-1, 0) * 10 + batch.coordinates.select(-1, 1);
    EXPECT_TRUE(at::allclose(batch.x, expected.expand({3, 1, 4, 9})));
  }
}

TEST_F(Functions, OfSeveralFilesOnOneGridShareIt) {
  const at::Tensor x = noise({20, 1, 6});
  const auto first = file("a.h5", {{"values", x.slice(0, 0, 8)}, {"coordinates", line(6)}});
  const auto second =
      file("b.h5", {{"values", x.slice(0, 8)}, {"coordinates", line(6).to(at::kFloat)}});
  const Batch batch = all_of(open_files({first, second}));
  EXPECT_TRUE(at::equal(batch.x, x));
  EXPECT_EQ(batch.coordinates.sizes(), (std::vector<int64_t>{6, 1}));
  EXPECT_FALSE(batch.mask.defined());
}

TEST_F(Functions, OfUnequalGridsComePaddedAndApartAgain) {
  const at::Tensor coarse = noise({8, 2, 6}), fine = noise({5, 2, 11});
  const auto first = file("a.h5", {{"values", coarse}, {"coordinates", line(6, 2)}});
  const auto second = file("b.h5", {{"values", fine}, {"coordinates", line(11)}});
  const DataSource held = open_files({first, second});
  const DataSpec spec = held.all->spec();
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{2, 11}));
  EXPECT_EQ(spec.extent, (std::vector<double>{0, 2}));
  EXPECT_NEAR(spec.spacing[0], 0.4, 1e-6);  // of the coarsest grid
  const at::Tensor indices = at::tensor({9, 2, 12, 2, 0, 8}, at::kLong);
  const Batch batch = held.all->rows(indices);
  EXPECT_EQ(batch.x.sizes(), (std::vector<int64_t>{6, 2, 11}));
  EXPECT_EQ(batch.coordinates.sizes(), (std::vector<int64_t>{6, 11, 1}));
  EXPECT_TRUE(at::equal(batch.mask.sum(1), at::tensor({11, 6, 11, 6, 6, 11}, at::kLong)));
  EXPECT_EQ(batch.x.masked_fill(batch.mask.unsqueeze(1), 0).abs().sum().item<float>(), 0);

  const auto parts = split_by_grid(batch);
  ASSERT_EQ(parts.size(), 2);
  EXPECT_TRUE(at::equal(parts[0].x, fine.index_select(0, at::tensor({1, 4, 0}, at::kLong))));
  EXPECT_TRUE(at::equal(parts[1].x, coarse.index_select(0, at::tensor({2, 2, 0}, at::kLong))));
  EXPECT_TRUE(at::equal(parts[1].coordinates, line(6, 2).to(at::kFloat)));

  const DataSource on_disk = open_files({first, second}, /*held_in_memory=*/0);
  const Batch read = on_disk.all->rows(indices);
  EXPECT_TRUE(at::equal(read.x, batch.x));
  EXPECT_TRUE(at::equal(read.coordinates, batch.coordinates));
  EXPECT_TRUE(at::equal(read.mask, batch.mask));
  EXPECT_EQ(on_disk.content_hash, held.content_hash);
  // Rows of the second file alone, and none at all.
  EXPECT_EQ(on_disk.all->rows(at::tensor({10}, at::kLong)).x.size(0), 1);
  EXPECT_EQ(on_disk.all->rows(at::empty({0}, at::kLong)).x.size(0), 0);
}

TEST_F(Functions, OnUnequalFieldsArePaddedAlongBothAxes) {
  const at::Tensor tall = noise({2, 1, 8, 3}), wide = noise({2, 1, 4, 6});
  const auto source = open_files({file("a.h5", {{"values", tall}, {"coordinates", plane(8, 3)}}),
                                  file("b.h5", {{"values", wide}, {"coordinates", plane(4, 6)}})});
  EXPECT_EQ(source.all->spec().shape, (std::vector<int64_t>{1, 8, 6}));
  const Batch batch = all_of(source);
  EXPECT_EQ(batch.coordinates.sizes(), (std::vector<int64_t>{4, 8, 6, 2}));
  const auto parts = split_by_grid(batch);
  ASSERT_EQ(parts.size(), 2);
  EXPECT_TRUE(at::equal(parts[0].x, tall));
  EXPECT_TRUE(at::equal(parts[1].x, wide));
  EXPECT_TRUE(at::equal(parts[1].coordinates, plane(4, 6).to(at::kFloat)));
}

TEST_F(Functions, KeepTheirHashWhenTheFileMovesAndLoseItWhenAnythingChanges) {
  const at::Tensor x = noise({9, 1, 5}), condition = noise({9, 2});
  at::Tensor other = x.clone(), elsewhere = condition.clone();
  other[8][0][4] += 1e-3;
  elsewhere[0][1] += 1;
  auto hash = [&](const at::Tensor& values, const at::Tensor& grid, const at::Tensor& given,
                  const std::vector<double>& period = {}) {
    const auto path = fmt::format("{}.h5", files_left().size());
    return open_files({file(path, {{"values", values}, {"coordinates", grid}, {"condition", given}},
                            period)})
        .content_hash;
  };
  const auto original = hash(x, line(5), condition);
  EXPECT_EQ(hash(x, line(5), condition), original);
  EXPECT_NE(hash(other, line(5), condition), original);
  EXPECT_NE(hash(x, line(5, 2), condition), original);
  EXPECT_NE(hash(x, line(5), elsewhere), original);
  EXPECT_NE(hash(x, line(5), condition, {1.25}), original);
}

TEST_F(Functions, WithANaNAreRefusedByRow) {
  at::Tensor x = noise({40, 1, 5});
  x[17][0][3] = std::nan("");
  const auto path = file("a.h5", {{"values", x}, {"coordinates", line(5)}});
  expect_refusal([&] { open_files({path}); }, {path, "row 17", "values"});
  x = noise({40, 1, 5}).to(at::kDouble);
  x[3][0][0] = 1e300;  // infinite in single precision
  const auto large = file("b.h5", {{"values", x}, {"coordinates", line(5)}});
  expect_refusal([&] { open_files({large}); }, {large, "row 3"});
  at::Tensor condition = noise({40, 2});
  condition[21][1] = std::nan("");
  const auto given = file(
      "c.h5", {{"values", noise({40, 1, 5})}, {"coordinates", line(5)}, {"condition", condition}});
  expect_refusal([&] { open_files({given}); }, {given, "row 21", "condition"});
}

TEST_F(Functions, OnGridsThatAreNoneAreRefused) {
  const double nan = std::nan("");
  const std::vector<std::pair<std::vector<double>, std::vector<std::string>>> cases = {
      {{0, 1, 1, 3}, {"1 to 1", "point 2", "twice"}},
      {{0, 1, 3, 2}, {"3 to 2", "point 3", "sort"}},
      {{3, 2, 1, 2}, {"1 to 2", "point 3"}},
      {{0, 1, nan, 3}, {"point [2]", "not finite"}},
      {{0, 1e8, 1e8 + 1, 2e8}, {"point 2", "single precision", "offset"}}};
  for (const auto& [points, parts] : cases) {
    const at::Tensor grid = at::tensor(points, at::kDouble).unsqueeze(1);
    const auto path = file("a.h5", {{"values", noise({2, 1, 4})}, {"coordinates", grid}});
    auto named = parts;
    named.push_back(path);
    expect_refusal([&] { open_files({path}); }, named);
  }
  // numpy.meshgrid without indexing='ij', on as many points either way.
  const at::Tensor crossed = plane(4, 4).transpose(0, 1).contiguous();
  const auto path = file("b.h5", {{"values", noise({2, 1, 4, 4})}, {"coordinates", crossed}});
  expect_refusal([&] { open_files({path}); }, {path, "[i, j, 0]", "indexing='ij'"});
  at::Tensor twice = plane(4, 5);
  twice.select(-1, 1).select(1, 3).copy_(twice.select(-1, 1).select(1, 2));
  const auto second = file("c.h5", {{"values", noise({2, 1, 4, 5})}, {"coordinates", twice}});
  expect_refusal([&] { open_files({second}); }, {second, "axis 1", "point 3", "twice"});
}

TEST_F(Functions, WhosePeriodCannotBeAreRefused) {
  auto with_period = [&](const std::vector<double>& period) {
    return file("a.h5", {{"values", noise({2, 1, 5})}, {"coordinates", line(5)}}, period);
  };
  expect_refusal([&] { open_files({with_period({1})}); }, {"a.h5", "period of 1", "first again"});
  expect_refusal([&] { open_files({with_period({-1})}); }, {"a.h5", "period", "-1"});
  expect_refusal([&] { open_files({with_period({2, 2})}); }, {"a.h5", "period", "2 numbers"});
  EXPECT_EQ(open_files({with_period({1.25})}).all->spec().period, std::vector<double>{1.25});
  EXPECT_TRUE(open_files({with_period({0})}).all->spec().period.empty());
}

TEST_F(Functions, ThatDoNotFitTheirGridAreRefused) {
  const std::vector<std::tuple<at::Tensor, at::Tensor, std::vector<std::string>>> cases = {
      {noise({2, 1, 5}), line(6), {"coordinates", "[6, 1]", "[2, 1, 5]"}},
      {noise({2, 1, 5}), plane(1, 5), {"coordinates"}},
      {noise({2, 1, 4, 5}), line(4), {"coordinates", "[4, 1]", "[2, 1, 4, 5]"}},
      {noise({2, 1, 4, 5}), plane(5, 4), {"[5, 4, 2]", "[2, 1, 4, 5]"}},
      {noise({2, 1, 5}), line(5).squeeze(1), {"coordinates", "[5]", "[n, 1]"}},
      {noise({2, 1, 5}), at::arange(5).unsqueeze(1), {"coordinates", "integers", "float64"}},
      {noise({2, 5}), line(5), {"values", "[2, 5]", "[N, C, n]"}},
      {noise({2, 0, 5}), line(5), {"values", "[2, 0, 5]"}},
      {at::ones({2, 1, 5}, at::kInt), line(5), {"values", "integers", "float32"}},
      {noise({2, 1, 1}), line(1), {"1 points"}}};
  for (const auto& [values, grid, parts] : cases) {
    const auto path = file("a.h5", {{"values", values}, {"coordinates", grid}});
    expect_refusal([&] { open_files({path}); }, parts);
  }
  const auto nothing = file("b.h5", {{"values", noise({2, 1, 5})}});
  expect_refusal([&] { open_files({nothing}); }, {nothing, "no data set 'coordinates'"});
  const auto flat = file(
      "c.h5", {{"values", noise({2, 1, 5})}, {"coordinates", line(5)}, {"condition", noise({2})}});
  expect_refusal([&] { open_files({flat}); }, {flat, "condition", "[2, K]"});
}

TEST_F(Functions, OfFilesThatDisagreeAreRefused) {
  const std::vector<NamedTensor> curves = {{"values", noise({4, 1, 5})}, {"coordinates", line(5)}};
  auto with = [&](const std::string& name, const at::Tensor& tensor) {
    auto tensors = curves;
    tensors.push_back({name, tensor});
    return tensors;
  };
  const auto plain = file("plain.h5", curves);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {file("a.h5", {{"values", noise({4, 2, 5})}, {"coordinates", line(5)}}), "2 channels"},
      {file("b.h5", {{"values", noise({4, 1, 5, 5})}, {"coordinates", plane(5, 5)}}),
       "2 dimensions"},
      {file("c.h5", curves, {1.25}), "period"},
      {file("d.h5", with("condition", noise({4, 2}))), "condition"},
      {file("e.h5", with("split", at::zeros({4}, at::kByte))), "split"}};
  for (const auto& [other, part] : cases)
    expect_refusal([&, &path = other] { open_files({plain, path}); }, {other, plain, part});
}

TEST_F(Functions, WrittenAsSamplesAreADataFile) {
  const Batch samples{.x = noise({6, 2, 4, 9}),
                      .condition = noise({6, 3}),
                      .coordinates = plane(4, 9).to(at::kFloat)};
  const DataSpec spec{.kind = "functions", .shape = {2, 4, 9}, .period = {0, 2.25}};
  write_data_file(path("samples.h5"), "functions",
                  [&](Hdf5File& out) { kind().write(samples, spec, out); });
  const DataSource source = open_files({path("samples.h5")});
  EXPECT_TRUE(at::equal(all_of(source).x, samples.x));
  EXPECT_TRUE(at::equal(all_of(source).condition, samples.condition));
  EXPECT_TRUE(at::equal(all_of(source).coordinates, samples.coordinates));
  EXPECT_EQ(source.all->spec().period, spec.period);
}

// Mean row (0 on top) of the red curve within columns first..end-1.
double height_of_curve(const at::Tensor& picture, int64_t first, int64_t end) {
  const at::Tensor part = picture.slice(1, first, end).to(at::kDouble);
  const at::Tensor red = (part.select(2, 0) - part.select(2, 1)).clamp_min(0);
  const at::Tensor row = at::arange(part.size(0), at::kDouble).unsqueeze(1);
  return ((red * row).sum() / red.sum()).item<double>();
}

TEST(Curves, RiseToTheRightWhereTheFunctionRises) {
  const at::Tensor places = at::linspace(2, 5, 20);
  const at::Tensor picture = curves(places.view({1, 1, 20}), places);
  EXPECT_EQ(picture.sizes(), (std::vector<int64_t>{360, 900, 3}));
  EXPECT_GT(height_of_curve(picture, 50, 150), height_of_curve(picture, 400, 500) + 80);
  EXPECT_GT(height_of_curve(picture, 400, 500), height_of_curve(picture, 750, 850) + 80);
}

TEST(Curves, HaveAPanelAChannelAndBandsWhereTheyAreMany) {
  const at::Tensor places = at::linspace(0, 1, 10);
  EXPECT_EQ(curves(noise({3, 2, 10}), places).size(0), 720);
  // A band is blue: a column of many curves has blue pixels over half its range, of few hardly any.
  auto blue = [&](int64_t count) {
    const at::Tensor picture = curves(noise({count, 1, 10}), places).to(at::kLong);
    return (picture.select(2, 2) - picture.select(2, 0) > 20).to(at::kDouble).mean().item<double>();
  };
  EXPECT_LT(blue(3), 0.01);
  EXPECT_GT(blue(300), 0.3);
}

TEST(Curves, SurviveWhatABadModelDraws) {
  const at::Tensor places = at::linspace(0, 1, 10);
  at::Tensor x = noise({30, 1, 10});
  x[3][0][5] = std::nan("");
  x[4] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(curves(x, places).size(1), 900);
  EXPECT_EQ(curves(at::full({2, 1, 10}, std::nan("")), places).size(1), 900);
  EXPECT_EQ(curves(at::full({2, 1, 10}, 3.0), places).size(1), 900);
}

TEST(FieldMosaic, GetsBrighterWithTheValueAndHasTheFirstAxisUp) {
  // Rises along the first axis: the picture is brightest on top.
  const at::Tensor field = at::linspace(0, 1, 50).view({1, 1, 50, 1}).expand({1, 1, 50, 8});
  const at::Tensor weights = at::tensor({0.2126, 0.7152, 0.0722}, at::kDouble);
  const at::Tensor luminance = field_mosaic(field).to(at::kDouble).matmul(weights).select(1, 0);
  EXPECT_LE(luminance.diff().max().item<double>(), 0);
  EXPECT_GT((luminance[0] - luminance[-1]).item<double>(), 150);
}

TEST(FieldMosaic, ShowsChannelsBelowEachOtherAndWhatIsNotFiniteInGrey) {
  at::Tensor x = noise({10, 2, 6, 5});
  const auto one = field_mosaic(x.narrow(1, 0, 1)), both = field_mosaic(x);
  EXPECT_EQ(one.size(1), both.size(1));
  EXPECT_GT(both.size(0), 2 * one.size(0));
  const at::Tensor grey = field_mosaic(at::full({1, 1, 4, 4}, std::nan(""))).to(at::kLong);
  EXPECT_EQ(grey.min().item<int64_t>(), grey.max().item<int64_t>());
}

TEST_F(Functions, AreDrawnIntoAPng) {
  const Batch line_samples{.x = noise({40, 1, 5}), .coordinates = line(5)};
  const Batch plane_samples{.x = noise({4, 2, 5, 6}), .coordinates = plane(5, 6)};
  for (const Batch& samples : {line_samples, plane_samples}) {
    kind().draw(samples, {}, path("picture.png"));
    std::ifstream file(path("picture.png"), std::ios::binary);
    std::string magic(8, ' ');
    file.read(magic.data(), 8);
    EXPECT_EQ(magic, "\x89PNG\r\n\x1a\n");
  }
}

}  // namespace
}  // namespace ornstein::functions
