#include <gtest/gtest.h>
#include <netcdf.h>

#include "datasets/functions/function_dataset.h"
#include "tests/datasets/functions_support.h"

namespace ornstein::functions {
namespace {

class FunctionImport : public FunctionFiles {
 protected:
  using Settings = std::vector<std::string>;

  // The rows that become of the sources, and what the file says of itself.
  Batch imported(const std::vector<std::string>& sources, const Settings& settings = {}) {
    kind().import(sources, path("out.h5"), {.settings = settings});
    const DataSource source = open_files({path("out.h5")});
    spec_ = source.all->spec();
    return source.all->rows(at::arange(spec_.rows));
  }
  void expect_no_import(const std::vector<std::string>& sources, const Settings& settings,
                        const std::vector<std::string>& parts) {
    expect_refusal([&] { kind().import(sources, path("refused.h5"), {.settings = settings}); },
                   parts);
    for (const std::string& name : files_left()) EXPECT_FALSE(name.starts_with("refused")) << name;
  }
  std::string attribute(const std::string& name) const {
    return Hdf5File::open(path("out.h5")).text_attribute("/", name);
  }

  DataSpec spec_;
};

std::vector<float> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).flatten().contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

using Numbers = std::vector<float>;

TEST_F(FunctionImport, TakesTablesOfCurvesAsPeopleHaveThem) {
  const Numbers curves = {5.5f, 4, -3, 1e-3f, 8, 7}, unit = {0, 0.5f, 1}, grid = {1, 2, 4};
  const std::vector<std::pair<std::string, Numbers>> tables = {
      {"5.5,4,-3\n0.001,8,7\n", unit},
      {"5.5;4;-3\r\n+1e-3;8;7", unit},
      {"# curves\n  5.5 4\t-3\n\n1e-3 8 7\n", unit},
      {"\"\",\"X1\",\"X2\",\"X3\"\n\"1\",5.5,4,-3\n\"2\",0.001,8,7\n", unit},  // R
      {"a,b,c\n5.5,4,-3\n0.001,8,7\n", unit},
      {"station,a,b,c\nRoma,5.5,4,-3\n\"Oslo, west\",0.001,8,7\n", unit},
      {"1,2,4\n5.5,4,-3\n0.001,8,7\n", grid},
      {"\"\",\"1\",\"2\",\"4\"\n\"8\",5.5,4,-3\n\"9\",0.001,8,7\n", grid},
      {",1,2,4\n0,5.5,4,-3\n1,0.001,8,7\n", grid},  // pandas
      {"day,1,2,4\nRoma,5.5,4,-3\nOslo,0.001,8,7\n", grid},
      {"\xEF\xBB\xBF\"1\",\"2\",\"4\"\n5.5,4,-3\n0.001,8,7\n", grid}};
  for (const auto& [table, places] : tables) {
    const Batch batch = imported({text("table.csv", table)});
    EXPECT_EQ(numbers(batch.x), curves) << table;
    EXPECT_EQ(numbers(batch.coordinates), places) << table;
    EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 3}));
    EXPECT_EQ(attribute("source"), "table.csv");
  }
}

TEST_F(FunctionImport, AsksWhereALineMayBeTheGridOrACurve) {
  const auto table = text("table.csv", "1,2,3\n2,4,6\n");
  expect_no_import({table}, {}, {table, "line 1", "dataset.header=grid", "dataset.header=none"});
  EXPECT_EQ(numbers(imported({table}, {"dataset.header=none"}).x), (Numbers{1, 2, 3, 2, 4, 6}));
  const Batch batch = imported({table}, {"dataset.header=grid"});
  EXPECT_EQ(numbers(batch.x), (Numbers{2, 4, 6}));
  EXPECT_EQ(numbers(batch.coordinates), (Numbers{1, 2, 3}));
}

TEST_F(FunctionImport, PutsCurvesOnTheDomainThatIsSet) {
  const auto table = text("table.csv", "5,4,3,3\n1,1,2,2\n");
  EXPECT_EQ(numbers(imported({table}, {"dataset.extent=[2,8]"}).coordinates),
            (Numbers{2, 4, 6, 8}));
  EXPECT_EQ(numbers(imported({table}, {"dataset.period=[2]"}).coordinates),
            (Numbers{0, 0.5, 1, 1.5}));
  EXPECT_EQ(spec_.period, std::vector<double>{2});
  EXPECT_EQ(numbers(imported({table}, {"dataset.period=[4]", "dataset.extent=[1,5]"}).coordinates),
            (Numbers{1, 2, 3, 4}));
  expect_no_import({table}, {"dataset.period=[4]", "dataset.extent=[1,4]"},
                   {"dataset.extent", "period 4"});
  expect_no_import({table}, {"dataset.extent=[1,2,3,4]"}, {"dataset.extent", "4 numbers"});
  expect_no_import({table}, {"dataset.extent=[2,1]"}, {"dataset.extent", "must rise"});
  expect_no_import({table}, {"dataset.period=[1,1]"}, {"dataset.period", "2 numbers"});
  expect_no_import({table}, {"dataset.extend=[0,2]"}, {"dataset.extend", "extent"});
  const auto own = text("own.csv", "0,1,2,3\n5,4,3,3\n");
  expect_no_import({own}, {"dataset.extent=[0,2]"}, {"dataset.extent", own});
  expect_no_import({own}, {"dataset.period=[3]"}, {own, "period of 3"});
  EXPECT_EQ(numbers(imported({own}, {"dataset.period=[4]"}).x), (Numbers{5, 4, 3, 3}));
}

TEST_F(FunctionImport, PutsTablesOfOneGridBehindEachOther) {
  const auto first = text("b.csv", "0,1,2\n3,2,1\n"), second = text("a.csv", "0,1,2\n6,5,4\n");
  EXPECT_EQ(numbers(imported({first, second}).x), (Numbers{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(attribute("source"), "b.csv, a.csv");
  const auto other = text("c.csv", "0,1,3\n6,5,4\n");
  expect_no_import({first, other}, {}, {first, other, "grid"});
}

TEST_F(FunctionImport, RefusesBrokenTablesByLine) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"a,b\n1,2\n3\n", {"line 3", "1 values", "2 are needed"}},
      {"3,2\n3,2,1\n", {"line 2", "3 values"}},
      {"3,2\n3,abc\n", {"line 2", "'abc'"}},
      {"3,2\n3,\n", {"line 2", "''"}},
      {"a,b\n1,nan\n", {"line 2", "'nan'"}},
      {"a,b\n1,1e60\n", {"line 2", "'1e60'"}},
      {"3,NA,1\n1,2,1\n", {"line 1", "'NA'"}},
      {"0,1,1\n1,2,1\n4,4,2\n", {}},  // no grid: a curve that rests
      {"0,2,1\n", {}},
      {"a,b\n", {"no curve"}},
      {"", {"empty"}}};
  for (const auto& [table, parts] : cases) {
    const auto source = text("table.csv", table);
    if (parts.empty()) {
      imported({source});
      continue;
    }
    auto named = parts;
    named.push_back(source);
    expect_no_import({source}, {}, named);
  }
  const auto twice = text("twice.csv", "0,1,1\n5,2,1\n");
  expect_no_import({twice}, {"dataset.header=grid"}, {twice, "twice"});
  EXPECT_THROW(kind().import({twice}, path("refused.h5"), {.size = 32}), ConfigError);
}

// As numpy.save writes.
std::string npy(const at::Tensor& tensor, const std::string& type,
                const std::string& order = "False") {
  const at::Tensor bytes = tensor.contiguous();
  std::string shape;
  for (const int64_t length : tensor.sizes()) shape += fmt::format("{}, ", length);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", type, order, shape);
  header.resize((10 + header.size() + 64) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size() & 255);
  file += static_cast<char>(header.size() >> 8);
  return file + header +
         std::string(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
}

TEST_F(FunctionImport, TakesArraysOfEachShape) {
  const at::Tensor x = at::rand({5, 3, 4, 2}, at::kDouble);
  auto array = [&](const at::Tensor& tensor, const char* type) {
    return text("array.npy", npy(tensor, type));
  };
  EXPECT_EQ(numbers(imported({array(x, "<f8")}, {"dataset.extent=[0,3,5,6]"}).x), numbers(x));
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{3, 4, 2}));
  EXPECT_EQ(spec_.extent, (std::vector<double>{0, 3, 5, 6}));
  const at::Tensor three = x.select(3, 0).to(at::kFloat);
  EXPECT_EQ(numbers(imported({array(three, "<f4")}, {"dataset.dimensions=1"}).x), numbers(three));
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(numbers(imported({array(three, "<f4")}, {"dataset.dimensions=2"}).x), numbers(three));
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 3, 4}));
  expect_no_import({array(three, "<f4")}, {}, {"dataset.dimensions", "[5, 3, 4]"});
  const auto first = text("first.npy", npy(three.select(1, 0), "<f4"));
  const auto second = text("second.npy", npy(three.select(1, 1), "<f4"));
  EXPECT_EQ(numbers(imported({first, second}).x),
            numbers(at::cat({three.select(1, 0), three.select(1, 1)})));
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 4}));
  expect_no_import({first}, {"dataset.dimensions=2"}, {"dataset.dimensions", "[5, 4]"});
}

TEST_F(FunctionImport, RefusesArraysItCannotRead) {
  at::Tensor x = at::rand({5, 3});
  auto refuse = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    const auto source = text("array.npy", bytes);
    auto named = parts;
    named.push_back(source);
    expect_no_import({source}, {}, named);
  };
  refuse(npy(x, "<f4", "True"), {"Fortran", "ascontiguousarray"});
  refuse(npy(x, ">f4"), {"'>f4'", "astype"});
  refuse(npy(at::ones({5, 3}, at::kInt), "<i4"), {"'<i4'"});
  refuse(npy(x, "<f4").substr(0, 150), {"cut short", "[5, 3]"});
  refuse(npy(x[0], "<f4"), {"[3]", "[N, n]"});
  x[2][1] = std::nan("");
  refuse(npy(x, "<f4"), {"row 2"});
  const auto array = text("a.npy", npy(at::rand({5, 3}), "<f4")), table = text("t.csv", "3,2,1\n");
  expect_no_import({array, table}, {}, {table, array, "format"});
}

// Writes NetCDF files by the C library.
class NetcdfWriter {
 public:
  explicit NetcdfWriter(const std::string& path, int mode = NC_CLOBBER) {
    EXPECT_EQ(nc_create(path.c_str(), mode, &id_), NC_NOERR);
  }
  ~NetcdfWriter() { EXPECT_EQ(nc_close(id_), NC_NOERR); }

  void axis(const std::string& name, const at::Tensor& points, const std::string& units = "") {
    int dimension = 0;
    EXPECT_EQ(nc_def_dim(id_, name.c_str(), points.numel(), &dimension), NC_NOERR);
    field(name, NC_DOUBLE, {name}, points, {{"units", units}});
  }
  void field(const std::string& name, nc_type type, const std::vector<std::string>& axes,
             const at::Tensor& values,
             const std::vector<std::pair<std::string, std::string>>& texts = {},
             const std::vector<std::pair<std::string, double>>& attributes = {}) {
    std::vector<int> dimensions(axes.size());
    for (size_t i = 0; i < axes.size(); ++i)
      EXPECT_EQ(nc_inq_dimid(id_, axes[i].c_str(), &dimensions[i]), NC_NOERR);
    int variable = 0;
    nc_redef(id_);
    EXPECT_EQ(nc_def_var(id_, name.c_str(), type, static_cast<int>(axes.size()), dimensions.data(),
                         &variable),
              NC_NOERR);
    for (const auto& [key, value] : attributes)
      EXPECT_EQ(nc_put_att_double(id_, variable, key.c_str(), type, 1, &value), NC_NOERR);
    for (const auto& [key, value] : texts)
      nc_put_att_text(id_, variable, key.c_str(), value.size(), value.data());
    nc_enddef(id_);
    const at::Tensor stored = values.to(at::kDouble).contiguous();
    EXPECT_EQ(nc_put_var_double(id_, variable, stored.const_data_ptr<double>()), NC_NOERR);
    nc_redef(id_);
  }
  // What is stored stands for stored * scale + offset.
  void packed(const std::string& name, double scale, double offset) {
    int variable = 0;
    EXPECT_EQ(nc_inq_varid(id_, name.c_str(), &variable), NC_NOERR);
    nc_put_att_double(id_, variable, "scale_factor", NC_DOUBLE, 1, &scale);
    nc_put_att_double(id_, variable, "add_offset", NC_DOUBLE, 1, &offset);
  }

 private:
  int id_ = -1;
};

at::Tensor latitudes() { return at::tensor({60.0, 30.0, 0.0, -30.0}, at::kDouble); }
at::Tensor longitudes() { return at::arange(6, at::kDouble) * 60 + 20; }

// At time t: 1000 t + latitude + longitude / 1000.
at::Tensor wind(int64_t times, const at::Tensor& latitude, const at::Tensor& longitude) {
  return at::arange(times, at::kDouble).view({-1, 1, 1}) * 1000 + latitude.view({1, -1, 1}) +
         longitude / 1000;
}

class NetcdfImport : public FunctionImport {
 protected:
  // Axes time, lat and lon, and the winds u and v = -u.
  std::string winds(const std::string& name, int64_t times = 3, int mode = NC_CLOBBER,
                    const at::Tensor& longitude = longitudes()) {
    NetcdfWriter file(path(name), mode);
    file.axis("time", at::arange(times, at::kDouble), "days since 1980-01-01");
    file.axis("lat", latitudes(), "degrees_north");
    file.axis("lon", longitude, "degrees_east");
    const at::Tensor u = wind(times, latitudes(), longitude);
    file.field("u", NC_FLOAT, {"time", "lat", "lon"}, u,
               {{"units", "m/s"}, {"long_name", "ZONAL WIND"}}, {{"_FillValue", -99.9}});
    file.field("v", NC_DOUBLE, {"time", "lat", "lon"}, -u, {{"units", "m/s"}});
    return path(name);
  }
  // The values of the batch as the function of its coordinates that wind() is.
  static at::Tensor wind_at(const Batch& batch) {
    return wind(batch.x.size(0), batch.coordinates.select(-1, 0).select(1, 0),
                batch.coordinates.select(-1, 1)[0])
        .unsqueeze(1);
  }
};

TEST_F(NetcdfImport, TakesFieldsWithTheirAxesAndUnits) {
  for (const int mode : {NC_CLOBBER, NC_CLOBBER | NC_64BIT_OFFSET, NC_CLOBBER | NC_NETCDF4}) {
    const auto source = winds("winds.nc", 3, mode);
    const Batch batch = imported({source}, {"dataset.variable=u"});
    EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 4, 6}));
    EXPECT_EQ(spec_.rows, 3);
    EXPECT_EQ(spec_.extent,
              (std::vector<double>{-30, 60, 20, 320}));      // rising, though stored falling
    EXPECT_EQ(spec_.period, (std::vector<double>{0, 360}));  // round the earth
    EXPECT_TRUE(at::allclose(batch.x.to(at::kDouble), wind_at(batch), 1e-6, 1e-4));
    EXPECT_EQ(attribute("units"), "m/s");
    EXPECT_EQ(attribute("description"), "ZONAL WIND");
    EXPECT_EQ(attribute("source"), "winds.nc");
  }
}

TEST_F(NetcdfImport, TakesSeveralVariablesAsChannelsAndFilesAsRows) {
  const Batch batch =
      imported({winds("a.nc", 3), winds("b.nc", 2)}, {"dataset.variable=[\"v\",\"u\"]"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{2, 4, 6}));
  EXPECT_EQ(spec_.rows, 5);
  EXPECT_TRUE(at::equal(batch.x.select(1, 0), -batch.x.select(1, 1)));
  EXPECT_TRUE(at::equal(batch.x[0], batch.x[3]));
  EXPECT_FALSE(at::equal(batch.x[0], batch.x[4]));
}

TEST_F(NetcdfImport, TakesTheAxesThatAreNamed) {
  const auto source = winds("winds.nc");
  const std::string u = "dataset.variable=u";
  // Curves along longitude, a row a time and a latitude.
  Batch batch = imported({source}, {u, "dataset.space=lon"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 6}));
  EXPECT_EQ(spec_.rows, 12);
  EXPECT_EQ(spec_.period, std::vector<double>{360});
  EXPECT_NEAR(batch.x[5][0][2].item<float>(), 1000 + 30 + 0.14, 1e-3);  // time 1, latitude 30
  // Along time, whose points the rows share.
  batch = imported({source}, {u, "dataset.rows=[\"lon\",\"lat\"]"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 3}));
  EXPECT_NEAR(batch.x[4][0][2].item<float>(), 2000 + 60 + 0.08, 1e-3);  // longitude 80, latitude 60
  // Space turned over.
  batch = imported({source}, {u, "dataset.space=[\"lon\",\"lat\"]"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 6, 4}));
  EXPECT_EQ(spec_.period, (std::vector<double>{360, 0}));
  EXPECT_NEAR(batch.x[1][0][2][3].item<float>(), 1000 + 60 + 0.14, 1e-3);
}

TEST_F(NetcdfImport, LeavesOutTheLongitudeThatComesTwiceAndKnowsARegionFromTheGlobe) {
  imported({winds("cyclic.nc", 2, NC_CLOBBER, at::arange(7, at::kDouble) * 60)},
           {"dataset.variable=u"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 4, 6}));
  EXPECT_EQ(spec_.period, (std::vector<double>{0, 360}));
  imported({winds("region.nc", 2, NC_CLOBBER, at::arange(5, at::kDouble) * 60)},
           {"dataset.variable=u"});
  EXPECT_TRUE(spec_.period.empty());
}

TEST_F(NetcdfImport, UnpacksAndKnowsMissingValues) {
  at::Tensor stored = at::arange(24, at::kDouble).view({2, 3, 4});
  stored[1][2][0] = -32767;
  const auto source = path("packed.nc");
  {
    NetcdfWriter file(source);
    file.axis("time", at::arange(2, at::kDouble));
    file.axis("y", at::arange(3, at::kDouble));
    file.axis("x", at::arange(4, at::kDouble));
    file.field("p", NC_SHORT, {"time", "y", "x"}, stored, {}, {{"missing_value", -32767}});
    file.packed("p", 0.5, 100);
  }
  expect_no_import({source}, {}, {source, "row 1 of p", "dataset.fill", "dataset.tile"});
  const Batch batch = imported({source}, {"dataset.fill=7.5"});
  at::Tensor expected = stored / 2 + 100;
  expected[1][2][0] = 7.5;
  EXPECT_EQ(numbers(batch.x), numbers(expected));
}

TEST_F(NetcdfImport, CutsFieldsIntoTiles) {
  const at::Tensor field = at::arange(7 * 9, at::kDouble).view({7, 9});
  at::Tensor holes = field.clone();
  holes[4][1] = 1e34;  // in the tile below on the left
  auto relief = [&](const std::string& name, const at::Tensor& values, bool regular = true) {
    NetcdfWriter file(path(name));
    file.axis("y", -2 * at::arange(7, at::kDouble));
    at::Tensor x = at::arange(9, at::kDouble) / 2;
    if (!regular) x[3] += 0.2;
    file.axis("x", x);
    file.field("rose", NC_FLOAT, {"y", "x"}, values, {}, {{"_FillValue", 1e34}});
    return path(name);
  };
  // Tiles of 3 x 3 of 7 x 9 points: two times three; y falls, so that it is turned round.
  const Batch batch = imported({relief("a.nc", field)}, {"dataset.tile=3"});
  EXPECT_EQ(spec_.shape, (std::vector<int64_t>{1, 3, 3}));
  ASSERT_EQ(spec_.rows, 6);
  EXPECT_EQ(numbers(batch.x[4][0].flip(0)),
            numbers(field.slice(0, 3, 6).slice(1, 3, 6)));  // second line, second column
  EXPECT_EQ(numbers(batch.coordinates.select(-1, 0).select(1, 0)), (Numbers{0, 2, 4}));
  EXPECT_EQ(numbers(batch.coordinates.select(-1, 1)[0]), (Numbers{0, 0.5, 1}));
  const Batch whole = imported({relief("b.nc", holes)}, {"dataset.tile=3"});
  EXPECT_EQ(spec_.rows, 5);
  EXPECT_TRUE(at::equal(whole.x[3], batch.x[4]));
  // Every second point of tiles twice as wide: the same places on a coarser grid.
  const Batch coarse = imported({relief("a.nc", field)}, {"dataset.tile=2", "dataset.stride=2"});
  EXPECT_EQ(spec_.rows, 4);
  EXPECT_EQ(numbers(coarse.x[1][0].flip(0)), (Numbers{4, 6, 22, 24}));
  EXPECT_EQ(numbers(coarse.coordinates.select(-1, 1)[0]), (Numbers{0, 1}));
  expect_no_import({relief("c.nc", field, false)}, {"dataset.tile=3"}, {"c.nc", "axis x", "tile"});
  expect_no_import({path("a.nc")}, {"dataset.tile=8"}, {"dataset.tile", "y has 7"});
  expect_no_import({path("a.nc")}, {}, {"dataset.space", "[y, x]"});
}

TEST_F(NetcdfImport, RefusesWhatTheFileHasNot) {
  const auto source = winds("winds.nc");
  expect_no_import({source}, {}, {"dataset.variable", "u, v"});
  expect_no_import({source}, {"dataset.variable=w"}, {"dataset.variable", "'w'", source});
  expect_no_import({source}, {"dataset.variable=u", "dataset.space=lan"},
                   {"dataset.space", "'lan'", "lat"});
  expect_no_import({source}, {"dataset.variable=u", "dataset.rows=time", "dataset.space=lon"},
                   {"dataset.rows", "lat of 4 points"});
  expect_no_import({source}, {"dataset.variable=u", "dataset.space=[\"time\",\"lat\",\"lon\"]"},
                   {"dataset.space", "one or two"});
  expect_no_import({source}, {"dataset.variable=u", "dataset.colour=red"}, {"dataset.colour"});
  const auto other = winds("other.nc", 3, NC_CLOBBER, longitudes() + 1);
  expect_no_import({source, other}, {"dataset.variable=u"}, {source, other, "grid"});
  const auto broken = text("broken.nc", "CDF\x01 and nothing more");
  expect_no_import({broken}, {}, {broken, "cannot read"});
}

}  // namespace
}  // namespace ornstein::functions
