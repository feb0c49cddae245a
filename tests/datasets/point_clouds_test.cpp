#include <gtest/gtest.h>

#include <numbers>

#include "datasets/point_clouds/cloud_dataset.h"
#include "datasets/point_clouds/cloud_picture.h"
#include "datasets/point_clouds/normalisation.h"
#include "datasets/point_clouds/surface.h"
#include "datasets/point_clouds/twins.h"
#include "framework/base/random.h"
#include "tests/datasets/data_files.h"

namespace ornstein::point_clouds {

void register_with(DatasetFactory& factory);

namespace {

namespace fs = std::filesystem;

class PointClouds : public DataFiles {
 protected:
  PointClouds() : DataFiles("point_clouds", register_with) {}

  void import(const std::string& source, const std::vector<std::string>& settings) const {
    kind().import({source}, path("out.h5"), {.settings = settings});
  }
};

Batch all_of(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows));
}

at::Tensor some_clouds(int64_t clouds = 6, int64_t points = 20) {
  auto generator = make_generator(1);
  return at::randn({clouds, points, 3}, generator, at::kFloat);
}

// Clouds of 3, 5, 2 and 4 points.
std::vector<NamedTensor> ragged() {
  return {{"points", some_clouds(1, 14)[0]},
          {"offsets", at::tensor({0, 3, 8, 10, 14}, at::kLong)},
          {"labels", at::tensor({0, 1, 1, 0}, at::kLong)}};
}

TEST_F(PointClouds, OfOneSizeComeBackWithLabelsAndSplitAndWithoutAMask) {
  const at::Tensor x = some_clouds(), labels = at::arange(6).remainder(3);
  const DataSource source = open_files(
      {file("a.h5", {{"points", x}, {"labels", labels}, {"split", at::arange(6).remainder(2)}})});
  EXPECT_EQ(source.all->spec().kind, "point_clouds");
  EXPECT_EQ(source.all->spec().shape, (std::vector<int64_t>{20, 3}));
  EXPECT_EQ(source.all->spec().classes, 3);
  const Batch batch = source.all->rows(at::tensor({4, 0}, at::kLong));
  EXPECT_TRUE(at::equal(batch.x, x.index_select(0, at::tensor({4, 0}, at::kLong))));
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({1, 0}, at::kLong)));
  EXPECT_FALSE(batch.mask.defined());
  EXPECT_EQ(source.split.sum().item<int64_t>(), 3);
}

TEST_F(PointClouds, OfManySizesArePaddedBehindAMask) {
  const auto tensors = ragged();
  const DataSource source = open_files({file("a.h5", tensors)});
  EXPECT_EQ(source.all->spec().shape, (std::vector<int64_t>{5, 3}));
  const Batch batch = all_of(source);
  EXPECT_TRUE(at::equal(batch.mask.sum(1), at::tensor({3, 5, 2, 4}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.x.index({batch.mask}), tensors[0].tensor));
  EXPECT_EQ(batch.x.index({batch.mask.logical_not()}).abs().max().item<float>(), 0);
}

TEST_F(PointClouds, WrittenAsSamplesAreADataFileWithTheSamePoints) {
  const DataSource source = open_files({file("a.h5", ragged())});
  for (const bool masked : {true, false}) {
    Batch samples = all_of(source);
    if (!masked) samples.mask = at::Tensor();
    write_data_file(path("b.h5"), "point_clouds",
                    [&](Hdf5File& out) { kind().write(samples, source.all->spec(), out); });
    const Batch again = all_of(open_files({path("b.h5")}));
    EXPECT_TRUE(at::equal(again.x, samples.x));
    EXPECT_TRUE(at::equal(again.labels, samples.labels));
    EXPECT_EQ(again.mask.defined(), masked);
  }
}

TEST_F(PointClouds, LargerThanAskedGiveAFixedSubsetOfTheirOwnPoints) {
  const at::Tensor x = some_clouds();
  const auto path = file("a.h5", {{"points", x}});
  const Batch random = all_of(open_files({path}, {.points = 8}));
  EXPECT_TRUE(at::equal(random.x, all_of(open_files({path}, {.points = 8})).x));
  EXPECT_TRUE(
      at::equal(all_of(open_files({path}, {.points = 8, .subset = "first"})).x, x.slice(1, 0, 8)));
  std::set<std::vector<int64_t>> choices;
  for (int64_t i = 0; i < 6; ++i) {
    // [8, 20]: which points of the cloud the row's are.
    const at::Tensor same = (random.x[i].unsqueeze(1) == x[i].unsqueeze(0)).all(2);
    EXPECT_TRUE(at::equal(same.sum(1), at::ones({8}, at::kLong)));
    EXPECT_LE(same.sum(0).max().item<int64_t>(), 1);  // none twice
    const at::Tensor which = same.to(at::kLong).argmax(1);
    choices.emplace(which.const_data_ptr<int64_t>(), which.const_data_ptr<int64_t>() + 8);
  }
  EXPECT_EQ(choices.size(), 6);  // rows choose apart
}

TEST_F(PointClouds, AreTheSameFromDiskAsFromMemory) {
  const auto fixed = file("a.h5", {{"points", some_clouds()}});
  const auto uneven = file("b.h5", ragged());
  for (const auto& [path, settings] :
       {std::pair{fixed, CloudSettings{.points = 7}}, std::pair{fixed, CloudSettings{}},
        std::pair{uneven, CloudSettings{.points = 3, .smaller = "mask"}},
        std::pair{uneven, CloudSettings{.points = 3, .smaller = "skip"}}}) {
    const DataSource held = open_files({path}, settings);
    const DataSource on_disk = open_files({path}, settings, /*held_in_memory=*/0);
    const at::Tensor rows = at::tensor({2, 0, 1, 2}, at::kLong);
    const Batch a = held.all->rows(rows), b = on_disk.all->rows(rows);
    EXPECT_TRUE(at::equal(a.x, b.x));
    EXPECT_EQ(a.mask.defined(), b.mask.defined());
    if (a.mask.defined()) {
      EXPECT_TRUE(at::equal(a.mask, b.mask));
    }
    EXPECT_EQ(held.content_hash, on_disk.content_hash);
  }
}

TEST_F(PointClouds, SmallerThanAskedAreRefusedMaskedOrSkipped) {
  const auto path = file("a.h5", ragged());
  expect_refusal([&] { open_files({path}, {.points = 3}); }, {path, "cloud 2", "2 points", "3"});
  EXPECT_TRUE(at::equal(all_of(open_files({path}, {.points = 3, .smaller = "mask"})).mask.sum(1),
                        at::tensor({3, 3, 2, 3}, at::kLong)));
  const DataSource rest = open_files({path}, {.points = 3, .smaller = "skip"});
  EXPECT_EQ(rest.all->spec().rows, 3);
  EXPECT_FALSE(all_of(rest).mask.defined());
  EXPECT_TRUE(at::equal(all_of(rest).labels, at::tensor({0, 1, 0}, at::kLong)));
  expect_refusal([&] { open_files({path}, {.points = 6, .smaller = "skip"}); }, {"no cloud has 6"});
}

TEST_F(PointClouds, OfSeveralFilesFollowEachOtherWhateverTheirForm) {
  const at::Tensor x = some_clouds(2, 5);
  auto tensors = ragged();
  tensors.pop_back();
  const DataSource source = open_files({file("a.h5", {{"points", x}}), file("b.h5", tensors)});
  EXPECT_EQ(source.all->spec().rows, 6);
  EXPECT_TRUE(at::equal(all_of(source).x.slice(0, 0, 2), x));
  EXPECT_TRUE(at::equal(all_of(source).mask.sum(1), at::tensor({5, 5, 3, 5, 2, 4}, at::kLong)));
  expect_refusal([&] { open_files({path("a.h5"), file("c.h5", ragged())}); }, {"c.h5", "labels"});
}

TEST_F(PointClouds, ThatAreBrokenAreRefusedByCloud) {
  at::Tensor x = some_clouds();
  x[3][7][1] = std::nan("");
  const auto nan = file("a.h5", {{"points", x}});
  expect_refusal([&] { open_files({nan}); }, {nan, "cloud 3", "point 7"});
  const at::Tensor points = at::zeros({6, 3});
  const std::vector<std::pair<at::Tensor, std::string>> offsets = {
      {at::tensor({0, 3, 3, 6}, at::kLong), "cloud 1 holds no point"},
      {at::tensor({0, 4, 3, 6}, at::kLong), "cloud 1"},
      {at::tensor({0, 3}, at::kLong), "from 0 to 3"},
      {at::tensor({1, 6}, at::kLong), "from 1 to 6"},
      {at::tensor({0.0, 6.0}), "integers"}};
  for (const auto& [values, part] : offsets) {
    const auto path = file("b.h5", {{"points", points}, {"offsets", values}});
    expect_refusal([&] { open_files({path}); }, {path, part});
  }
  expect_refusal([&] { open_files({file("c.h5", {{"points", points}})}); }, {"c.h5", "[N, P, D]"});
  expect_refusal(
      [&] {
        open_files({file("d.h5", {{"images", points}})});
      },
      {"no data set 'points'"});
}

TEST_F(PointClouds, KeepTheirHashUntilANumberOrAKeyChanges) {
  const auto path = file("a.h5", {{"points", some_clouds()}});
  at::Tensor other = some_clouds();
  other[5][19][2] += 1e-3;
  const auto hash = open_files({path}).content_hash;
  EXPECT_EQ(open_files({path}).content_hash, hash);
  EXPECT_NE(open_files({file("b.h5", {{"points", other}})}).content_hash, hash);
  EXPECT_NE(open_files({path}, {.points = 10}).content_hash, hash);
  EXPECT_NE(open_files({path}, {.points = 10}).content_hash,
            open_files({path}, {.points = 10, .subset = "first"}).content_hash);
}

// A unit right-angled triangle and one of four times its area, in planes z = 0 and z = 1.
Mesh two_triangles() {
  return {at::tensor({0., 0., 0., 1., 0., 0., 0., 1., 0., 0., 0., 1., 2., 0., 1., 0., 2., 1.},
                     at::kDouble)
              .view({6, 3}),
          at::arange(6).view({2, 3})};
}

TEST(Surface, PointsAreUniformByAreaAndWithinTriangles) {
  EXPECT_TRUE(at::allclose(triangle_areas(two_triangles()), at::tensor({0.5, 2.0}, at::kDouble)));
  auto generator = make_generator(3);
  const int64_t count = 40000;
  const at::Tensor x = sample_surface(two_triangles(), count, generator);
  const at::Tensor upper = x.select(1, 2);
  EXPECT_NEAR(upper.mean().item<double>(), 0.8, 4 * std::sqrt(0.8 * 0.2 / count));
  const at::Tensor side = 1 + upper;  // of the triangle a point is in
  const at::Tensor u = x.select(1, 0) / side, v = x.select(1, 1) / side;
  EXPECT_GE(u.min().item<double>(), 0);
  EXPECT_GE(v.min().item<double>(), 0);
  EXPECT_LE((u + v).max().item<double>(), 1 + 1e-12);
  // Uniform on a right-angled triangle: means 1/3, variances 1/18, covariance -1/36.
  const double error = 4 * std::sqrt(1.0 / 18 / count);
  EXPECT_NEAR(u.mean().item<double>(), 1.0 / 3, error);
  EXPECT_NEAR(v.mean().item<double>(), 1.0 / 3, error);
  EXPECT_NEAR(u.var().item<double>(), 1.0 / 18, error / 2);
  EXPECT_NEAR(((u - u.mean()) * (v - v.mean())).mean().item<double>(), -1.0 / 36, error / 2);
}

TEST(Surface, WhatHasNoAreaIsDegenerate) {
  Mesh mesh = two_triangles();
  EXPECT_EQ(degeneracy(mesh), "");
  Mesh line = mesh;
  line.vertices = mesh.vertices * at::tensor({1., 0., 0.}, at::kDouble);
  EXPECT_NE(degeneracy(line).find("area 0"), std::string::npos);
  EXPECT_NE(degeneracy({mesh.vertices, at::zeros({0, 3}, at::kLong)}).find("no triangle"),
            std::string::npos);
  mesh.vertices = mesh.vertices.clone();
  mesh.vertices[1][1] = std::nan("");
  EXPECT_NE(degeneracy(mesh).find("not finite"), std::string::npos);
}

TEST(CloudNormalisation, DoesWhatItsNameSaysAndCanBeUndone) {
  const at::Tensor x = some_clouds().to(at::kDouble) * 3 + 5;
  for (const std::string& name : normalisations()) {
    const Normalisation n = normalisation_of(x, name);
    const at::Tensor y = normalised(x, n);
    EXPECT_TRUE(at::allclose(y * n.scale.view({-1, 1, 1}) + n.shift.unsqueeze(1), x));
    if (name == "shape_unit") {
      EXPECT_LT(y.mean(1).abs().max().item<double>(), 1e-12);
      EXPECT_TRUE(at::allclose(y.square().mean(at::IntArrayRef{1, 2}), at::ones({6}, at::kDouble)));
    } else if (name == "shape_box") {
      EXPECT_LT((y.amax(1) + y.amin(1)).abs().max().item<double>(), 1e-12);
      EXPECT_TRUE(at::allclose(y.amax(1).amax(1), at::ones({6}, at::kDouble)));
    } else if (name == "global_unit") {
      EXPECT_LT(y.mean(at::IntArrayRef{0, 1}).abs().max().item<double>(), 1e-12);
      EXPECT_NEAR(y.square().mean().item<double>(), 1, 1e-12);
      EXPECT_EQ(n.scale.min().item<double>(), n.scale.max().item<double>());
    }
  }
  EXPECT_TRUE(normalised(at::ones({2, 4, 3}, at::kDouble),
                         normalisation_of(at::ones({2, 4, 3}, at::kDouble), "shape_unit"))
                  .isfinite()
                  .all()
                  .item<bool>());
}

// A square of side 2 about (0, h, 0) in the plane y = h, in each format.
const std::string kObj = "v -1 3 -1\nv 1 3 -1\nv 1 3 1\nv -1 3 1\nf 1 2 3 4\n";
const std::string kOff = "OFF\n4 2 0\n-1 3 -1\n1 3 -1\n1 3 1\n-1 3 1\n3 0 1 2\n3 0 2 3\n";
const std::string kPly =
    "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    "-1 3 -1\n1 3 -1\n1 3 1\n-1 3 1\n4 0 1 2 3\n";
const std::string kStl =
    "solid s\nfacet normal 0 1 0\nouter loop\nvertex -1 3 -1\nvertex 1 3 -1\nvertex 1 3 1\n"
    "endloop\nendfacet\nfacet normal 0 1 0\nouter loop\nvertex -1 3 -1\nvertex 1 3 1\n"
    "vertex -1 3 1\nendloop\nendfacet\nendsolid s\n";

TEST_F(PointClouds, AreDrawnFromMeshesOfEveryFormatAlike) {
  for (const auto& [name, content] : {std::pair{"a.obj", kObj}, std::pair{"b.off", kOff},
                                      std::pair{"c.ply", kPly}, std::pair{"d.stl", kStl}}) {
    import(text(name, content), {"dataset.points=4000", "dataset.normalise=none"});
    const at::Tensor x = all_of(open_files({path("out.h5")})).x[0].to(at::kDouble);
    EXPECT_EQ(x.size(0), 4000);
    EXPECT_EQ((x.select(1, 1) - 3).abs().max().item<double>(), 0) << name;
    EXPECT_LE(x.select(1, 0).abs().max().item<double>(), 1) << name;
    for (const int64_t axis : {0, 2}) {  // uniform on [-1, 1]
      EXPECT_NEAR(x.select(1, axis).mean().item<double>(), 0, 4 * std::sqrt(1.0 / 3 / 4000))
          << name;
      EXPECT_NEAR(x.select(1, axis).square().mean().item<double>(), 1.0 / 3,
                  4 * std::sqrt(4.0 / 45 / 4000))
          << name;
    }
  }
}

TEST_F(PointClouds, OfMeshesDependOnTheSeedAndTheirOwnPathAlone) {
  text("meshes/square.obj", kObj);
  auto cloud = [&](const std::string& seed) {
    import(path("meshes"), {"dataset.points=16", "dataset.seed=" + seed});
    return all_of(open_files({path("out.h5")})).x[-1];
  };
  const at::Tensor alone = cloud("1");
  EXPECT_TRUE(at::equal(cloud("1"), alone));
  EXPECT_FALSE(at::equal(cloud("2"), alone));
  text("meshes/another.obj", kObj);
  EXPECT_TRUE(at::equal(cloud("1"), alone));
}

TEST_F(PointClouds, OfFoldersAreLabelledAndRememberWhereTheyCameFrom) {
  text("shapes/table/a.obj", kObj);
  text("shapes/chair/deep/b.off", kOff);
  text("shapes/chair/c.stl", kStl);
  text("shapes/chair/readme.txt", "no mesh");
  const auto authors = text("authors.txt", "chair/c.stl: somebody, CC BY\n");
  import(path("shapes"), {"dataset.points=10", "dataset.licence=CC BY",
                          "dataset.attribution=" + authors, "dataset.normalise=shape_box"});
  const DataSource source = open_files({path("out.h5")});
  EXPECT_TRUE(at::equal(all_of(source).labels, at::tensor({0, 0, 1}, at::kLong)));
  const Hdf5File file = Hdf5File::open(path("out.h5"));
  EXPECT_EQ(file.text_attribute("/", "class_names"), "chair\ntable");
  EXPECT_EQ(file.text_attribute("/", "licence"), "CC BY");
  EXPECT_EQ(file.text_attribute("/", "attribution"), "chair/c.stl: somebody, CC BY\n");
  const at::Tensor names = file.read("/names");
  const at::Tensor last = names[2].contiguous();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(last.const_data_ptr<uint8_t>())),
            "table/a.obj");
  const at::Tensor original =
      all_of(source).x * file.read("/scale").view({-1, 1, 1}) + file.read("/shift").unsqueeze(1);
  EXPECT_LT((original.select(2, 1) - 3).abs().max().item<double>(), 1e-6);
}

TEST_F(PointClouds, AreTurnedSoThatYIsUp) {
  import(text("a.obj", kObj), {"dataset.points=10", "dataset.normalise=none", "dataset.up=z"});
  const at::Tensor x = all_of(open_files({path("out.h5")})).x[0];
  EXPECT_EQ((x.select(1, 2) + 3).abs().max().item<float>(), 0);  // the file's y points backwards
}

TEST_F(PointClouds, ThatCannotBeDrawnAreRefusedOrSkippedWithACount) {
  text("meshes/good.obj", kObj);
  text("meshes/flat.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n");
  expect_refusal([&] { import(path("meshes"), {}); }, {"flat.obj", "skip"});
  EXPECT_FALSE(fs::exists(path("out.h5")));
  text("meshes/junk.ply", "no mesh at all");
  text("meshes/huge.off", "OFF\n999999999 999999999 0\n");
  text("meshes/outside.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n");
  import(path("meshes"), {"dataset.skip=true"});
  EXPECT_EQ(open_files({path("out.h5")}).all->spec().rows, 1);
  EXPECT_EQ(Hdf5File::open(path("out.h5")).integer_attribute("/", "skipped"), 4);
  expect_refusal([&] { import(path("meshes/huge.off"), {}); }, {"huge.off", "999999999"});
  expect_refusal([&] { import(path("meshes/outside.off"), {}); }, {"outside.off", "vertex 7"});
  fs::remove(path("meshes/good.obj"));
  expect_refusal([&] { import(path("meshes"), {"dataset.skip=true"}); }, {"no other mesh"});
  expect_refusal([&] { import(text("a.txt", "x"), {}); }, {"a.txt", "no mesh"});
  fs::create_directories(path("empty"));
  expect_refusal([&] { import(path("empty"), {}); }, {"empty", "no mesh"});
  expect_refusal([&] { import(text("b.obj", kObj), {"dataset.point=3"}); }, {"dataset.point"});
}

class EveryCloudTwin : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Twins, EveryCloudTwin, testing::ValuesIn(twin_names()),
                         [](const auto& info) { return info.param; });

TEST_P(EveryCloudTwin, HasItsKnownMoments) {
  const auto configuration =
      Configuration::from_text(R"({"dataset": {"rows": 3000, "points": 64}})", "test");
  const DataSource source = open_twin(GetParam(), configuration->root().section("dataset"));
  const at::Tensor x = all_of(source).x.to(at::kDouble);
  const at::Tensor squares = x.square().mean(1);  // [N, 3]; clouds are independent
  const at::Tensor error = 4 * squares.std(0) / std::sqrt(3000.0);
  EXPECT_TRUE((squares.mean(0) - second_moments(GetParam())).abs().le(error).all().item<bool>())
      << squares.mean(0) << second_moments(GetParam()) << error;
  const at::Tensor mixed = x * x.roll(1, 2);
  for (const at::Tensor& odd : {x, mixed}) {
    const at::Tensor means = odd.mean(1);
    EXPECT_TRUE((means.mean(0).abs() <= 4 * means.std(0) / std::sqrt(3000.0)).all().item<bool>());
  }
}

TEST(CloudTwins, RowsDoNotDependOnHowManyThereAre) {
  auto rows = [](const std::string& count) {
    const auto configuration =
        Configuration::from_text(R"({"dataset": {"points": 8, "rows": )" + count + "}}", "test");
    return all_of(open_twin("shapes", configuration->root().section("dataset")));
  };
  EXPECT_TRUE(at::equal(rows("300").x.slice(0, 0, 100), rows("100").x));
  EXPECT_TRUE(at::equal(rows("300").labels.slice(0, 0, 100), rows("100").labels));
}

TEST(CloudPicture, ShowsTheCloudInBothViewsAndSurvivesWhatABadModelDraws) {
  auto generator = make_generator(2);
  at::Tensor x = at::randn({3, 200, 3}, generator, at::kFloat);
  const at::Tensor picture = clouds_from_two_views(x, {}).to(at::kLong);
  const int64_t tile = picture.size(1) / 3, view = tile / 2;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_LT(picture.narrow(1, i * tile + j * view, view - 10).min().item<int64_t>(), 200);
  // A mask of nothing leaves the tile white.
  at::Tensor mask = at::ones({3, 200}, at::kBool);
  mask[1] = false;
  const at::Tensor masked = clouds_from_two_views(x, mask).to(at::kLong);
  EXPECT_EQ(masked.narrow(1, tile, tile - 10).min().item<int64_t>(), 255);
  x[0] = std::nan("");
  x[1][0] = 1e30;
  EXPECT_LT(clouds_from_two_views(x, {}).min().item<int64_t>(), 200);
  EXPECT_EQ(clouds_from_two_views(at::full({2, 5, 3}, std::nan("")), {}).min().item<int64_t>(),
            255);
}

}  // namespace
}  // namespace ornstein::point_clouds
