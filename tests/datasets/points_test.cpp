#include "tests/datasets/points_support.h"

#include "datasets/points/picture.h"
#include "datasets/points/points_dataset.h"
#include "framework/base/random.h"
#include "framework/data/png_file.h"

namespace ornstein::points {
namespace {

namespace fs = std::filesystem;

at::Tensor some_points(int64_t rows = 50, int64_t dimensions = 3) {
  auto generator = make_generator(1);
  return at::randn({rows, dimensions}, generator, at::kFloat);
}

TEST_F(Points, ComeBackWithLabelsSplitAndLogDensity) {
  const at::Tensor x = some_points();
  const at::Tensor labels = at::arange(50).remainder(4);
  const at::Tensor split = at::arange(50).remainder(3);
  const at::Tensor log_density = at::arange(50, at::kDouble) / -7;
  const DataSource source = open_files(
      {file("a.h5",
            {{"points", x}, {"labels", labels}, {"split", split}, {"log_density", log_density}})});
  const DataSpec spec = source.all->spec();
  EXPECT_EQ(spec.kind, "points");
  EXPECT_EQ(spec.space, "euclidean");
  EXPECT_EQ(spec.rows, 50);
  EXPECT_EQ(spec.classes, 4);
  EXPECT_EQ(spec.shape, std::vector<int64_t>{3});
  EXPECT_TRUE(at::equal(source.split, split.to(at::kByte)));
  EXPECT_TRUE(at::equal(source.log_density, log_density));
  const at::Tensor indices = at::tensor({7, 0, 49, 7}, at::kLong);
  const Batch batch = source.all->rows(indices);
  EXPECT_TRUE(at::equal(batch.x, x.index_select(0, indices)));
  EXPECT_TRUE(at::equal(batch.labels, labels.index_select(0, indices)));
}

TEST_F(Points, LackWhatTheirFileLacks) {
  const DataSource source = open_files({file("a.h5", {{"points", some_points()}})});
  EXPECT_EQ(source.all->spec().classes, 0);
  EXPECT_FALSE(source.split.defined());
  EXPECT_FALSE(source.log_density.defined());
  EXPECT_FALSE(source.all->rows(at::tensor({3}, at::kLong)).labels.defined());
}

TEST_F(Points, InDoublePrecisionAreReadAsSingle) {
  const at::Tensor x = some_points().to(at::kDouble) / 3;
  const DataSource source = open_files({file("a.h5", {{"points", x}})});
  EXPECT_TRUE(at::equal(all_of(source), x.to(at::kFloat)));
}

TEST_F(Points, OfSeveralFilesFollowEachOther) {
  const at::Tensor x = some_points(), labels = at::arange(50);
  const auto first =
      file("a.h5", {{"points", x.slice(0, 0, 20)}, {"labels", labels.slice(0, 0, 20)}});
  const auto second = file("b.h5", {{"points", x.slice(0, 20)}, {"labels", labels.slice(0, 20)}});
  const DataSource source = open_files({first, second});
  EXPECT_TRUE(at::equal(all_of(source), x));
  EXPECT_EQ(source.all->spec().classes, 50);
}

TEST_F(Points, AreTheSameFromDiskAsFromMemory) {
  const at::Tensor x = some_points(), labels = at::arange(50);
  const auto first =
      file("a.h5", {{"points", x.slice(0, 0, 20)}, {"labels", labels.slice(0, 0, 20)}});
  const auto second = file("b.h5", {{"points", x.slice(0, 20)}, {"labels", labels.slice(0, 20)}});
  const DataSource held = open_files({first, second});
  const DataSource on_disk = open_files({first, second}, /*held_in_memory=*/0);
  const at::Tensor indices = at::tensor({30, 2, 49, 2, 0, 19, 20}, at::kLong);
  EXPECT_TRUE(at::equal(on_disk.all->rows(indices).x, held.all->rows(indices).x));
  EXPECT_TRUE(at::equal(on_disk.all->rows(indices).labels, held.all->rows(indices).labels));
  EXPECT_EQ(on_disk.content_hash, held.content_hash);
}

TEST_F(Points, KeepTheirHashWhenTheFileMovesAndLoseItWhenARowChanges) {
  const at::Tensor x = some_points(), labels = at::zeros({50}, at::kLong);
  at::Tensor other = x.clone(), relabelled = labels.clone();
  other[49][2] += 1e-3;
  relabelled[10] = 1;
  auto hash = [&](const std::vector<NamedTensor>& tensors) {
    return open_files({file(fmt::format("{}.h5", files_left().size()), tensors)}).content_hash;
  };
  const auto original = hash({{"points", x}, {"labels", labels}});
  EXPECT_EQ(hash({{"points", x}, {"labels", labels}}), original);
  EXPECT_NE(hash({{"points", other}, {"labels", labels}}), original);
  EXPECT_NE(hash({{"points", x}, {"labels", relabelled}}), original);
  EXPECT_NE(hash({{"points", x.view({75, 2})}}), hash({{"points", x}}));
}

TEST_F(Points, WithANaNAreRefusedByRow) {
  at::Tensor x = some_points();
  x[17][1] = std::nan("");
  const auto path = file("a.h5", {{"points", x}});
  expect_refusal([&] { open_files({path}); }, {path, "row 17", "points"});
  x = some_points().to(at::kDouble);
  x[3][0] = 1e300;  // infinite in single precision
  const auto large = file("b.h5", {{"points", x}});
  expect_refusal([&] { open_files({large}); }, {large, "row 3"});
}

TEST_F(Points, ThatAreNoRowsOfCoordinatesAreRefused) {
  for (const at::Tensor& x : {at::zeros({5}), at::zeros({5, 2, 2}), at::zeros({5, 0})}) {
    const auto path = file("a.h5", {{"points", x}});
    expect_refusal([&] { open_files({path}); }, {path, "points", "[N, D]"});
  }
  const auto nothing = file("b.h5", {{"images", at::zeros({5, 2})}});
  expect_refusal([&] { open_files({nothing}); }, {nothing, "no data set 'points'"});
}

TEST_F(Points, OffTheirSpaceAreRefusedByRow) {
  at::Tensor on_sphere = some_points();
  on_sphere /= on_sphere.norm(2, 1, true);
  const at::Tensor on_torus = some_points().clamp(-3.14, 3.14);
  const at::Tensor bits = (some_points() > 0).to(at::kFloat);
  const at::Tensor shares = at::softmax(some_points(), 1);
  const std::vector<std::tuple<std::string, at::Tensor, std::vector<float>>> cases = {
      {"sphere", on_sphere, {1, 1, 0}},
      {"torus", on_torus, {0, 180, 0}},
      {"binary", bits, {0, 0.5, 1}},
      {"simplex", shares, {0.5, 0.5, 0.5}},
      {"simplex", shares, {-0.5, 0.75, 0.75}}};
  for (const auto& [space, x, off] : cases) {
    const auto good = file("good.h5", {{"points", x}}, space);
    EXPECT_EQ(open_files({good}).all->spec().space, space);
    at::Tensor spoilt = x.clone();
    spoilt[31].copy_(at::tensor(off));
    const auto bad = file("bad.h5", {{"points", spoilt}}, space);
    expect_refusal([&] { open_files({bad}); }, {bad, "row 31", space});
  }
}

TEST_F(Points, OfAnUnknownSpaceAreRefused) {
  const auto path = file("a.h5", {{"points", some_points()}}, "klein_bottle");
  expect_refusal([&] { open_files({path}); }, {path, "klein_bottle", "euclidean", "sphere"});
}

TEST_F(Points, MayNameTheirSpaceAtTheDataSet) {
  write_data_file(path("a.h5"), "points", [&](Hdf5File& file) {
    file.write("/points", at::ones({4, 2}));
    file.write_attribute("/points", "space", "binary");
  });
  EXPECT_EQ(open_files({path("a.h5")}).all->spec().space, "binary");
}

TEST_F(Points, WithLabelsOrSplitsOutOfRangeAreRefusedByRow) {
  at::Tensor labels = at::zeros({50}, at::kLong);
  labels[8] = -1;
  const auto negative = file("a.h5", {{"points", some_points()}, {"labels", labels}});
  expect_refusal([&] { open_files({negative}); }, {negative, "row 8", "labels", "-1"});
  at::Tensor split = at::zeros({50}, at::kByte);
  split[9] = 3;
  const auto fourth = file("b.h5", {{"points", some_points()}, {"split", split}});
  expect_refusal([&] { open_files({fourth}); }, {fourth, "row 9", "split", "3"});
  const auto few =
      file("c.h5", {{"points", some_points()}, {"labels", at::zeros({49}, at::kLong)}});
  expect_refusal([&] { open_files({few}); }, {few, "labels", "[49]", "[50]"});
  const auto real = file("d.h5", {{"points", some_points()}, {"labels", at::zeros({50})}});
  expect_refusal([&] { open_files({real}); }, {real, "labels", "integers"});
  at::Tensor density = at::zeros({50}, at::kDouble);
  density[4] = std::nan("");
  const auto unknown = file("e.h5", {{"points", some_points()}, {"log_density", density}});
  expect_refusal([&] { open_files({unknown}); }, {unknown, "row 4", "log_density"});
}

TEST_F(Points, OfAnotherKindOrVersionAreRefused) {
  write_data_file(path("images.h5"), "images", [](Hdf5File& file) {
    file.write("/images", at::zeros({2, 1, 4, 4}, at::kByte));
  });
  expect_refusal([&] { open_files({path("images.h5")}); },
                 {"images.h5", "holds images", "dataset.kind is points"});
  auto bare = [&](const std::string& name, int64_t version) {
    Hdf5File file = Hdf5File::create(path(name));
    file.write("/points", some_points());
    if (version > 0) {
      file.write_attribute("/", "kind", "points");
      file.write_attribute("/", "format_version", version);
    }
    file.close();
  };
  bare("new.h5", 2);
  expect_refusal([&] { open_files({path("new.h5")}); }, {"new.h5", "format_version 2"});
  bare("bare.h5", 0);
  expect_refusal([&] { open_files({path("bare.h5")}); }, {"bare.h5", "no root attribute 'kind'"});
}

TEST_F(Points, OfFilesThatDisagreeAreRefused) {
  const auto plain = file("a.h5", {{"points", some_points(50, 3)}});
  const auto flat = file("b.h5", {{"points", some_points(50, 2)}});
  const auto bits = file("c.h5", {{"points", at::ones({50, 3})}}, "binary");
  const auto labelled =
      file("d.h5", {{"points", some_points()}, {"labels", at::zeros({50}, at::kLong)}});
  for (const auto& other : {flat, bits, labelled})
    expect_refusal([&] { open_files({plain, other}); }, {other, plain});
}

TEST_F(Points, AreImportedFromTablesAsPeopleHaveThem) {
  const at::Tensor expected = at::tensor({59.33f, 18.5f, -7.0f, 1e-3f, 0.0f, 2.0f}).view({3, 2});
  const std::vector<std::string> tables = {
      "# places\n# from somewhere\nLatitude,Longitude\n59.33,18.5\n-7,1e-3\n0,2",
      "lat, lon\r\n59.33, 18.5\r\n-7,+0.001\r\n0,2.0\r\n", "59.33;18.5\n-7;0.001\n\n0;2\n\n",
      "  59.33\t18.5\n-7   0.001\n# in between\n0 2 \n",
      "\xEF\xBB\xBF"
      "59.33,18.5\n-7,0.001\n0,2\n"};
  for (const std::string& table : tables) {
    kind().import({text("table.csv", table)}, path("out.h5"), {});
    const DataSource source = open_files({path("out.h5")});
    EXPECT_TRUE(at::equal(all_of(source), expected)) << table << all_of(source);
    EXPECT_EQ(source.all->spec().space, "euclidean");
  }
}

TEST_F(Points, AreImportedFromSeveralTablesInOrder) {
  kind().import({text("b.csv", "1,2\n"), text("a.csv", "3,4\n5,6\n")}, path("out.h5"), {});
  EXPECT_TRUE(
      at::equal(all_of(open_files({path("out.h5")})), at::arange(1, 7, at::kFloat).view({3, 2})));
}

TEST_F(Points, AreNotImportedFromBrokenTables) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"x,y\n1,2\n3\n", {"line 3", "1 numbers", "2"}},
      {"1,2\n3,4,5\n", {"line 2", "3 numbers"}},
      {"1,2\n3,abc\n", {"line 2", "'abc'"}},
      {"1,2\nabc,def\n", {"line 2", "'abc'"}},
      {"1,2\n3,\n", {"line 2", "''"}},
      {"x,y\n1,nan\n", {"line 2", "NaN"}},
      {"x,y\n1,1e60\n", {"line 2", "1e60"}},
      {"1,NA\n1,2\n", {"line 1", "'NA'"}},
      {"x,y\n", {"no row of numbers"}},
      {"", {"no row of numbers"}}};
  for (const auto& [table, parts] : cases) {
    const std::string source = text("table.csv", table);
    auto named = parts;
    named.push_back(source);
    expect_refusal([&] { kind().import({source}, path("out.h5"), {}); }, named);
    EXPECT_EQ(files_left(), std::vector<std::string>{"table.csv"});
  }
  expect_refusal([&] { kind().import({path("none.csv")}, path("out.h5"), {}); }, {"none.csv"});
  expect_refusal(
      [&] {
        kind().import({text("table.csv", "1,2\n"), text("wide.csv", "1,2,3\n")}, path("out.h5"),
                      {});
      },
      {"wide.csv", "table.csv"});
  expect_refusal([&] { kind().import({path("table.csv")}, path("out.h5"), {.size = 32}); },
                 {"size"});
  expect_refusal([&] { kind().import({path("table.csv")}, path("no/folder/out.h5"), {}); },
                 {"no/folder/out.h5"});
}

TEST_F(Points, LeaveAnOlderFileAsItWasWhenMakingANewOneFails) {
  const auto older = file("a.h5", {{"points", some_points()}});
  auto fail_half_way = [](Hdf5File& file) {
    file.write("/points", at::zeros({2, 2}));
    throw DataError("half way");
  };
  EXPECT_THROW(write_data_file(older, "points", fail_half_way), DataError);
  EXPECT_EQ(files_left(), std::vector<std::string>{"a.h5"});
  EXPECT_TRUE(at::equal(all_of(open_files({older})), some_points()));
}

TEST_F(Points, OfATwinAreTheSameStoredAsDrawn) {
  const auto configuration = Configuration::from_text(R"({"dataset": {}})", "test");
  const DataSource drawn =
      kind().open({"synthetic:checkerboard"}, configuration->root().section("dataset"));
  write_data_file(path("twin.h5"), "points", [&](Hdf5File& file) {
    kind().write({all_of(drawn)}, drawn.all->spec(), file);
    file.write("/split", drawn.split);
    file.write("/log_density", drawn.log_density);
  });
  const DataSource imported = open_files({path("twin.h5")});
  EXPECT_TRUE(at::equal(all_of(imported), all_of(drawn)));
  EXPECT_TRUE(at::equal(imported.split, drawn.split));
  EXPECT_TRUE(at::equal(imported.log_density, drawn.log_density));
  EXPECT_EQ(imported.content_hash, drawn.content_hash);
  EXPECT_NE(configuration->resolved().find("24000"), std::string::npos);
}

TEST_F(Points, OfATwinStandAlone) {
  const auto table = text("table.csv", "1,2\n");
  expect_refusal(
      [&] {
        const auto configuration = Configuration::from_text("{}", "test");
        kind().open({table, "synthetic:gaussian"}, configuration->root().section("dataset"));
      },
      {"synthetic:gaussian", "alone"});
  EXPECT_EQ(files_left(), std::vector<std::string>{"table.csv"});
}

TEST_F(Points, WrittenAsSamplesAreADataFile) {
  const Batch samples{.x = some_points(), .labels = at::arange(50).remainder(3)};
  const DataSpec spec{.kind = "points", .space = "euclidean", .rows = 10, .shape = {3}};
  write_data_file(path("samples.h5"), "points",
                  [&](Hdf5File& out) { kind().write(samples, spec, out); });
  const DataSource source = open_files({path("samples.h5")});
  EXPECT_TRUE(at::equal(all_of(source), samples.x));
  EXPECT_EQ(source.all->spec().classes, 3);
}

TEST(Scatter, IsDarkWhereThePointsAre) {
  // Three quarters of the points right of and above the rest; a stray one is cut off.
  const at::Tensor x = at::cat({at::zeros({1000, 2}), at::ones({3000, 2}), at::full({1, 2}, 1e9)});
  const at::Tensor picture = scatter(x).squeeze(2).to(at::kLong);
  EXPECT_EQ(picture.sizes(), (std::vector<int64_t>{600, 600}));
  EXPECT_EQ(picture.slice(0, 0, 300).slice(1, 300).min().item<int64_t>(), 0);  // right, on top
  EXPECT_EQ(picture.slice(0, 300).slice(1, 0, 300).min().item<int64_t>(), 0);  // left, below
  EXPECT_EQ(picture.slice(0, 0, 300).slice(1, 0, 300).min().item<int64_t>(), 255);
  EXPECT_EQ(picture.slice(0, 300).slice(1, 300).min().item<int64_t>(), 255);
}

TEST(Scatter, SurvivesWhatABadModelDraws) {
  EXPECT_EQ(scatter(at::full({10, 2}, std::nan(""))).min().item<int64_t>(), 255);
  EXPECT_LT(scatter(at::full({10, 1}, 3.0)).min().item<int64_t>(), 255);
}

TEST_F(Points, AreDrawnIntoAPng) {
  kind().draw({.x = some_points()}, {}, path("picture.png"));
  std::ifstream file(path("picture.png"), std::ios::binary);
  std::string magic(8, ' ');
  file.read(magic.data(), 8);
  EXPECT_EQ(magic, "\x89PNG\r\n\x1a\n");
  write_png(path("colour.png"), at::zeros({4, 5, 3}, at::kByte));
  EXPECT_GT(fs::file_size(path("colour.png")), 0);
  EXPECT_THROW(write_png(path("no/folder.png"), at::zeros({4, 5, 1}, at::kByte)), DataError);
}

}  // namespace
}  // namespace ornstein::points
