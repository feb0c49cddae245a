#include <gtest/gtest.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
// After <cstdio>, which it needs.
#include <jpeglib.h>

#include "datasets/images/image_dataset.h"
#include "datasets/images/image_import.h"
#include "datasets/images/image_samples.h"
#include "datasets/images/picture_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"
#include "framework/data/png_file.h"

namespace ornstein::images {
namespace {

namespace fs = std::filesystem;

class ImagesTest : public testing::Test {
 protected:
  ImagesTest() {
    std::string name = testing::TempDir() + "images_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~ImagesTest() override { fs::remove_all(folder_); }

  // The path of `name` within the test's folder; makes the folders above it.
  std::string path(const std::string& name) const {
    fs::create_directories((folder_ / name).parent_path());
    return folder_ / name;
  }

  std::string data_file(const std::string& name, const at::Tensor& images,
                        const at::Tensor& labels = {}, const at::Tensor& split = {}) const {
    write_data_file(path(name), "images", [&](Hdf5File& file) {
      file.write("/images", images);
      if (labels.defined()) file.write("/labels", labels);
      if (split.defined()) file.write("/split", split);
    });
    return path(name);
  }

  // An IDX file of unsigned bytes; a name in .gz is compressed.
  std::string idx(const std::string& name, const at::Tensor& values) const {
    std::string bytes{0, 0, 8, static_cast<char>(values.dim())};
    for (int64_t size : values.sizes())
      for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(size >> shift);
    bytes.append(static_cast<const char*>(values.const_data_ptr()), values.numel());
    const bool compressed = name.ends_with(".gz");
    gzFile file = gzopen(path(name).c_str(), compressed ? "wb" : "wbT");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path(name);
  }

  fs::path folder_;
};

at::Tensor bytes(at::IntArrayRef shape) {
  return (at::arange(c10::multiply_integers(shape)) * 37 % 256).to(at::kByte).view(shape);
}

at::Tensor all_rows(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows)).x;
}

at::Tensor as_bytes(const at::Tensor& x) { return ((x + 1) * 127.5).round().to(at::kByte); }

void cut(const std::string& path, uintmax_t by) { fs::resize_file(path, fs::file_size(path) - by); }

void halve(const std::string& path) { fs::resize_file(path, fs::file_size(path) / 2); }

// What `call` throws must be a DataError of one line that has all `parts` in it.
template <class Call>
void expect_refusal(const Call& call, const std::vector<std::string>& parts) {
  try {
    call();
    FAIL() << "accepted what it must refuse: " << fmt::format("{}", fmt::join(parts, ", "));
  } catch (const DataError& error) {
    const std::string message = error.what();
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

void write_jpeg(const std::string& path, const at::Tensor& pixels) {  // uint8 [H, W, C]
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_height = static_cast<JDIMENSION>(pixels.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(pixels.size(1));
  jpeg.input_components = static_cast<int>(pixels.size(2));
  jpeg.in_color_space = pixels.size(2) == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  const at::Tensor kept = pixels.contiguous();
  for (int64_t line = 0; line < kept.size(0); ++line) {
    JSAMPROW row = static_cast<JSAMPROW>(kept[line].data_ptr());
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::fclose(file);
}

// A PNG of one row, of any of the format's colour types; samples as the file stores them.
void write_png_row(const std::string& path, int width, int depth, int type,
                   std::vector<uint8_t> samples) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_init_io(png, file);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), 1, depth, type, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  const png_color palette[] = {{10, 20, 30}, {40, 50, 60}};
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 2);
  png_write_info(png, info);
  png_write_row(png, samples.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

TEST_F(ImagesTest, BytesScaleToMinusOneAndOneExactly) {
  const at::Tensor x = all_rows(
      open_images({data_file("a.h5", at::tensor({0, 255, 51}, at::kByte).view({3, 1, 1, 1}))}));
  EXPECT_EQ(x.scalar_type(), at::kFloat);
  EXPECT_EQ(x[0].item<float>(), -1);
  EXPECT_EQ(x[1].item<float>(), 1);
  EXPECT_NEAR(x[2].item<float>(), 51 / 127.5 - 1, 1e-7);
}

TEST_F(ImagesTest, FloatsComeAsTheyAre) {
  const at::Tensor images = at::randn({4, 2, 3, 5}) * 10;
  EXPECT_TRUE(all_rows(open_images({data_file("a.h5", images)})).equal(images));
}

TEST_F(ImagesTest, DiskAndMemoryGiveTheSameRowsInAnyOrderWithRepeats) {
  const auto labels = [](int64_t first) { return at::arange(first, first + 5, at::kInt); };
  const std::vector<std::string> files = {data_file("a.h5", bytes({5, 3, 4, 2}), labels(0)),
                                          data_file("b.h5", bytes({5, 3, 4, 2}) + 1, labels(5))};
  const DataSource memory = open_images(files), disk = open_images(files, /*memory=*/0);
  const at::Tensor chosen = at::tensor({9, 0, 4, 5, 9, 2}, at::kLong);
  const Batch expected = memory.all->rows(chosen), found = disk.all->rows(chosen);
  EXPECT_TRUE(found.x.equal(expected.x));
  EXPECT_TRUE(found.labels.equal(chosen));
  EXPECT_TRUE(expected.labels.equal(chosen));
  EXPECT_EQ(disk.content_hash, memory.content_hash);
  EXPECT_EQ(disk.all->rows(at::empty({0}, at::kLong)).x.sizes(),
            (std::vector<int64_t>{0, 3, 4, 2}));
}

TEST_F(ImagesTest, SpecAndSplitSayWhatTheFileHolds) {
  const at::Tensor split = at::tensor({0, 0, 1, 2}, at::kByte);
  const DataSource source = open_images(
      {data_file("a.h5", bytes({4, 3, 8, 6}), at::tensor({0, 6, 1, 2}, at::kLong), split)});
  const DataSpec spec = source.all->spec();
  EXPECT_EQ(spec.kind, "images");
  EXPECT_EQ(spec.rows, 4);
  EXPECT_EQ(spec.classes, 7);
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{3, 8, 6}));
  EXPECT_TRUE(source.split.equal(split));
}

TEST_F(ImagesTest, ContentHashSeesEveryPixelAndLabelButNotHowRowsAreSpreadOverFiles) {
  const at::Tensor images = bytes({6, 1, 4, 4}), labels = at::arange(6);
  auto hash = [&](const at::Tensor& x, const at::Tensor& y) {
    return open_images({data_file("whole.h5", x, y)}).content_hash;
  };
  const std::string whole = hash(images, labels);
  const std::vector<std::string> parts = {
      data_file("a.h5", images.narrow(0, 0, 2), labels.narrow(0, 0, 2)),
      data_file("b.h5", images.narrow(0, 2, 4), labels.narrow(0, 2, 4))};
  EXPECT_EQ(open_images(parts).content_hash, whole);
  at::Tensor other = images.clone();
  other[5][0][3][3] += 1;
  EXPECT_NE(hash(other, labels), whole);
  EXPECT_NE(hash(images, labels.flip(0)), whole);
  EXPECT_NE(hash(images, {}), whole);
  EXPECT_NE(hash(images.flip(0), labels), whole);
}

TEST_F(ImagesTest, WrongFilesAreRefusedByFileDataSetAndRow) {
  auto refuse = [&](const std::vector<std::string>& files, std::vector<std::string> parts) {
    parts.push_back(files.back());
    expect_refusal([&] { open_images(files); }, parts);
  };
  const at::Tensor good = bytes({4, 1, 2, 2});
  refuse({path("missing.h5")}, {});
  refuse({data_file("flat.h5", bytes({4, 6}))}, {"images", "[4, 6]"});
  refuse({data_file("double.h5", good.to(at::kDouble))}, {"images is float64"});
  refuse({data_file("wide.h5", good.to(at::kInt))}, {"int32", "must be uint8", "float32"});
  refuse({data_file("label.h5", good, at::tensor({0, 1, -1, 0}, at::kLong))}, {"labels", "row 2"});
  refuse({data_file("real.h5", good, at::zeros({4}))}, {"labels", "Float"});
  refuse({data_file("few.h5", good, at::zeros({3}, at::kLong))}, {"labels", "[3]"});
  refuse({data_file("split.h5", good, {}, at::tensor({0, 1, 2, 3}, at::kByte))},
         {"split", "row 3"});
  at::Tensor holed = at::zeros({4, 1, 2, 2});
  holed[3][0][1][0] = std::numeric_limits<float>::quiet_NaN();
  refuse({data_file("nan.h5", holed)}, {"images", "row 3"});
  holed[3][0][1][0] = std::numeric_limits<float>::infinity();
  refuse({data_file("infinite.h5", holed)}, {"images", "row 3"});
  refuse({data_file("good.h5", good), data_file("wide.h5", bytes({4, 1, 2, 3}))}, {"good.h5"});
  refuse({data_file("good.h5", good), data_file("real.h5", good.to(at::kFloat))},
         {"images is float32", "images is uint8"});
  refuse({data_file("good.h5", good), data_file("labelled.h5", good, at::arange(4))}, {"labels"});
  write_data_file(path("points.h5"), "points", [&](Hdf5File& f) { f.write("/images", good); });
  refuse({path("points.h5")}, {"points"});
  write_data_file(path("empty.h5"), "images", [](Hdf5File&) {});
  refuse({path("empty.h5")}, {"images"});
}

TEST_F(ImagesTest, WhatH5pyWritesIsAValidFile) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import h5py' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no h5py: install python3-h5py to test that its files are read";
  std::ofstream(path("write.py")) << "import h5py, numpy, sys\n"
                                     "with h5py.File(sys.argv[1], 'w') as f:\n"
                                     "    f.attrs['kind'] = 'images'\n"
                                     "    f.attrs['format_version'] = 1\n"
                                     "    f['labels'] = [2, 0, 1]\n"
                                     "    f.create_dataset('images', compression='gzip',\n"
                                     "        data=numpy.arange(24, dtype='uint8').reshape(3, 1, "
                                     "2, 4))\n";
  const std::string file = path("h5py.h5");
  ASSERT_EQ(std::system((python + " " + path("write.py") + " " + file).c_str()), 0);
  const DataSource source = open_images({file});
  EXPECT_TRUE(as_bytes(all_rows(source)).equal(at::arange(24).view({3, 1, 2, 4}).to(at::kByte)));
  EXPECT_EQ(source.all->spec().classes, 3);

  std::ofstream(path("write.py")) << "import h5py, numpy, sys\n"
                                     "with h5py.File(sys.argv[1], 'r+') as f:\n"
                                     "    del f['images']\n"
                                     "    f['images'] = numpy.zeros((3, 1, 2, 4), 'uint16')\n";
  ASSERT_EQ(std::system((python + " " + path("write.py") + " " + file).c_str()), 0);
  expect_refusal([&] { open_images({file}); },
                 {file, "images is uint16", "store uint8", "float32"});
}

TEST_F(ImagesTest, LogDensityComesWithItsRows) {
  const at::Tensor known = at::tensor({-1.5, 2.0, 0.25}, at::kDouble);
  auto file = [&](const std::string& name, const at::Tensor& log_density) {
    write_data_file(path(name), "images", [&](Hdf5File& file) {
      file.write("/images", at::zeros({3, 1, 2, 2}));
      if (log_density.defined()) file.write("/log_density", log_density);
    });
    return path(name);
  };
  EXPECT_TRUE(open_images({file("a.h5", known)}).log_density.equal(known));
  EXPECT_TRUE(open_images({path("a.h5"), file("b.h5", known.flip(0))})
                  .log_density.equal(at::cat({known, known.flip(0)})));
  EXPECT_FALSE(open_images({file("none.h5", {})}).log_density.defined());
  expect_refusal([&] { open_images({path("a.h5"), path("none.h5")}); }, {"none.h5", "log_density"});
  expect_refusal([&] { open_images({file("few.h5", known.narrow(0, 0, 2))}); }, {"few.h5", "[2]"});
  at::Tensor holed = known.clone();
  holed[1] = std::numeric_limits<double>::quiet_NaN();
  expect_refusal([&] { open_images({file("nan.h5", holed)}); }, {"nan.h5", "row 1"});
}

TEST_F(ImagesTest, IdxFolderRoundTripsWithTrainBeforeTest) {
  const at::Tensor train = bytes({5, 4, 6}), test = bytes({3, 4, 6}) + 9;
  const at::Tensor train_labels = at::tensor({0, 4, 2, 3, 1}, at::kByte),
                   test_labels = at::tensor({1, 1, 0}, at::kByte);
  idx("set/t10k-images-idx3-ubyte.gz", test);
  idx("set/t10k-labels-idx1-ubyte", test_labels);
  idx("set/train-images-idx3-ubyte", train);
  idx("set/train-labels-idx1-ubyte.gz", train_labels);
  std::ofstream(path("set/README")) << "not read\n";
  import_images({path("set")}, path("out.h5"), {});
  const DataSource source = open_images({path("out.h5")});
  EXPECT_TRUE(as_bytes(all_rows(source)).equal(at::cat({train, test}).unsqueeze(1)));
  EXPECT_TRUE(source.all->rows(at::arange(8))
                  .labels.equal(at::cat({train_labels, test_labels}).to(at::kLong)));
  EXPECT_TRUE(source.split.equal(at::tensor({0, 0, 0, 0, 0, 2, 2, 2}, at::kByte)));
}

TEST_F(ImagesTest, IdxWithoutTestFileHasNoSplit) {
  import_images({idx("train-images-idx3-ubyte", bytes({5, 4, 6}))}, path("out.h5"), {});
  const DataSource source = open_images({path("out.h5")});
  EXPECT_FALSE(source.split.defined());
  EXPECT_EQ(source.all->spec().classes, 0);
}

TEST_F(ImagesTest, WrongIdxFilesAreRefusedAndLeaveNothing) {
  const std::string out = path("out/data.h5");
  auto refuse = [&](const std::vector<std::string>& sources,
                    const std::vector<std::string>& parts) {
    expect_refusal([&] { import_images(sources, out, {}); }, parts);
    EXPECT_TRUE(fs::is_empty(folder_ / "out")) << fmt::format("{}", fmt::join(parts, ", "));
  };
  const at::Tensor images = bytes({50, 8, 8});
  const std::string good = idx("train-images-idx3-ubyte", images);
  const std::string short_file = idx("short-images-idx3-ubyte", images);
  cut(short_file, 1);
  refuse({short_file}, {short_file, "ends too early"});
  const std::string short_gz = idx("short-images-idx3-ubyte.gz", images);
  cut(short_gz, 9);
  refuse({short_gz}, {short_gz});
  const std::string flipped = idx("flipped-images-idx3-ubyte.gz", images);
  {
    std::fstream file(flipped, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-6, std::ios::end);
    file.put('\x55');  // in gzip's checksum
  }
  refuse({flipped}, {flipped, "damaged"});
  std::ofstream(path("real-idx1"), std::ios::binary) << std::string{0, 0, 13, 1, 0, 0, 0, 0};
  refuse({path("real-idx1")}, {path("real-idx1"), "00 00 0d 01"});
  const std::string long_file = idx("long-images-idx3-ubyte", images);
  std::ofstream(long_file, std::ios::app) << 'x';
  refuse({long_file}, {long_file, "after its last row"});
  const std::string labels = idx("train-labels-idx1-ubyte", bytes({49}));
  refuse({good, labels}, {labels, "49", good, "50"});
  refuse({labels}, {labels});
  refuse({good, idx("t10k-images-idx3-ubyte", bytes({5, 7, 8}))},
         {"t10k", "7 x 8", "8 x 8", "--size"});
  refuse({path("nowhere")}, {path("nowhere")});
  refuse({}, {"source"});
}

TEST_F(ImagesTest, FashionMnistImportsWhole) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!fs::exists(folder))
    GTEST_SKIP() << "no " << folder << ": install dataset-fashion-mnist to test its import";
  const std::clock_t start = std::clock();  // the processor's time: a busy machine is no fault
  import_images({folder}, path("out.h5"), {});
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
  const DataSource source = open_images({path("out.h5")});
  EXPECT_EQ(source.all->spec().rows, 70000);
  EXPECT_EQ(source.all->spec().classes, 10);
  EXPECT_EQ(source.all->spec().shape, (std::vector<int64_t>{1, 28, 28}));
  EXPECT_TRUE(source.split.narrow(0, 0, 60000).eq(0).all().item<bool>());
  EXPECT_TRUE(source.split.narrow(0, 60000, 10000).eq(2).all().item<bool>());
  const at::Tensor counts = at::bincount(source.all->rows(at::arange(60000)).labels);
  EXPECT_TRUE(counts.eq(6000).all().item<bool>()) << "classes are balanced";
}

TEST_F(ImagesTest, PngFolderRoundTripsInOrderOfNames) {
  const at::Tensor pixels = bytes({3, 5, 4, 3});  // [N, H, W, C]
  for (int64_t i : {2, 0, 1}) write_png(path(fmt::format("set/{}.png", i)), pixels[i]);
  import_images({path("set")}, path("out.h5"), {});
  const DataSource source = open_images({path("out.h5")});
  EXPECT_TRUE(as_bytes(all_rows(source)).equal(pixels.permute({0, 3, 1, 2})));
  EXPECT_EQ(source.all->spec().classes, 0);
  EXPECT_FALSE(source.split.defined());
}

TEST_F(ImagesTest, SubFoldersAreClassesInOrderOfTheirNames) {
  for (const char* name : {"set/cat/1.png", "set/ant/2.png", "set/bee/3.png", "set/ant/1.png"})
    write_png(path(name), bytes({4, 4, 1}));
  import_images({path("set")}, path("out.h5"), {});
  const DataSource source = open_images({path("out.h5")});
  EXPECT_TRUE(source.all->rows(at::arange(4)).labels.equal(at::tensor({0, 0, 1, 2}, at::kLong)));
  EXPECT_EQ(Hdf5File::open(path("out.h5")).text_attribute("/", "class_names"), "ant\nbee\ncat");
}

TEST_F(ImagesTest, JpegOfSmoothPictureIsReadToItsPrecision) {
  const at::Tensor ramp = at::arange(16) * 12 + 20;
  const at::Tensor grey = (ramp.view({16, 1, 1}) + at::zeros({16, 16, 1})).to(at::kByte);
  write_jpeg(path("grey.jpg"), grey);
  const at::Tensor read = read_picture(path("grey.jpg"));
  ASSERT_EQ(read.sizes(), (std::vector<int64_t>{1, 16, 16}));
  EXPECT_LE((read.to(at::kInt) - grey.permute({2, 0, 1}).to(at::kInt)).abs().max().item<int>(), 2);
  const at::Tensor red = at::tensor({200, 30, 60}, at::kByte).expand({16, 16, 3});
  write_jpeg(path("red.jpg"), red);
  const at::Tensor colour = read_picture(path("red.jpg"));
  ASSERT_EQ(colour.sizes(), (std::vector<int64_t>{3, 16, 16}));
  EXPECT_LE((colour.to(at::kInt) - red.permute({2, 0, 1}).to(at::kInt)).abs().max().item<int>(), 3);
}

TEST_F(ImagesTest, GreyStaysOneChannelOnlyIfAllAreGrey) {
  auto channels = [&](const ImportOptions& options) {
    import_images({path("set")}, path("out.h5"), options);
    return open_images({path("out.h5")}).all->spec().shape[0];
  };
  const at::Tensor grey = bytes({4, 4, 1});
  write_png(path("set/1.png"), grey);
  EXPECT_EQ(channels({}), 1);
  write_png(path("set/2.png"), bytes({4, 4, 3}));
  EXPECT_EQ(channels({}), 3);
  const at::Tensor x = as_bytes(all_rows(open_images({path("out.h5")})));
  EXPECT_TRUE(x[0].equal(grey.permute({2, 0, 1}).expand({3, 4, 4})));
  EXPECT_EQ(channels({.grey = true}), 1);
}

TEST_F(ImagesTest, LumaOfGreyIsGrey) {
  const at::Tensor grey = at::arange(256).to(at::kByte).view({1, 1, 16, 16});
  EXPECT_TRUE(with_channels(with_channels(grey, 3), 1).equal(grey));
}

TEST_F(ImagesTest, SixteenBitPngIsRefusedWithACure) {
  const std::string png = path("set/row.png"), out = path("out/data.h5");
  const std::vector<uint8_t> sample = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int type : {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                   PNG_COLOR_TYPE_RGB_ALPHA}) {
    write_png_row(png, 1, 16, type, sample);
    const std::vector<std::string> says = {png, "16 bits", "convert it to 8 bits", "float32"};
    expect_refusal([&] { import_images({path("set")}, out, {}); }, says);
    expect_refusal([&] { read_picture(png); }, says);
    EXPECT_TRUE(fs::is_empty(folder_ / "out"));
  }
}

TEST_F(ImagesTest, EveryKindOfPngOfEightBitsOrFewerIsRead) {
  auto read = [&](int width, int depth, int type, const std::vector<uint8_t>& samples) {
    write_png_row(path("row.png"), width, depth, type, samples);
    const at::Tensor picture = read_picture(path("row.png"));
    EXPECT_EQ(picture_shape(path("row.png")).channels, picture.size(0));
    const at::Tensor flat = picture.permute({1, 2, 0}).flatten().to(at::kInt);
    return std::vector<int>(flat.const_data_ptr<int>(), flat.const_data_ptr<int>() + flat.numel());
  };
  using Values = std::vector<int>;
  EXPECT_EQ(read(2, 8, PNG_COLOR_TYPE_PALETTE, {1, 0}), (Values{40, 50, 60, 10, 20, 30}));
  EXPECT_EQ(read(4, 1, PNG_COLOR_TYPE_GRAY, {0b10100000}), (Values{255, 0, 255, 0}));
  // Nothing, half and all of a black pixel over white.
  EXPECT_EQ(read(3, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {0, 0, 0, 102, 0, 255}), (Values{255, 153, 0}));
  EXPECT_EQ(read(1, 8, PNG_COLOR_TYPE_RGB_ALPHA, {55, 155, 255, 51}), (Values{215, 235, 255}));
}

TEST_F(ImagesTest, MixedSizesAreRefusedAndCuredBySize) {
  write_png(path("set/a.png"), at::full({8, 8, 1}, 90, at::kByte));
  write_png(path("set/b.png"), at::full({6, 10, 1}, 200, at::kByte));
  expect_refusal([&] { import_images({path("set")}, path("out.h5"), {}); },
                 {path("set/b.png"), "10 x 6", path("set/a.png"), "8 x 8", "--size"});
  EXPECT_FALSE(fs::exists(path("out.h5")));
  import_images({path("set")}, path("out.h5"), {.size = 4});
  const at::Tensor x = as_bytes(all_rows(open_images({path("out.h5")})));
  EXPECT_TRUE(x[0].equal(at::full({1, 4, 4}, 90, at::kByte))) << "a constant stays so";
  EXPECT_TRUE(x[1].equal(at::full({1, 4, 4}, 200, at::kByte)));
}

TEST_F(ImagesTest, ReductionKeepsTheMeanAndHasNoAliasing) {
  const at::Tensor stripes = (at::arange(64) % 2 * 200).to(at::kByte).expand({1, 1, 64, 64});
  const at::Tensor small = centre_square(stripes, 16).to(at::kFloat);
  EXPECT_NEAR(small.mean().item<float>(), 100, 2);
  EXPECT_LE((small.narrow(3, 2, 12) - 100).abs().max().item<float>(), 5)
      << "stripes finer than the pixels average out";
}

TEST_F(ImagesTest, CropKeepsTheCentre) {
  const at::Tensor image = at::arange(10).to(at::kByte).expand({1, 1, 4, 10});
  EXPECT_TRUE(centre_square(image, 4)[0][0][0].equal(at::tensor({3, 4, 5, 6}, at::kByte)));
}

TEST_F(ImagesTest, WrongPicturesAreRefusedByNameAndLeaveNothing) {
  const std::string out = path("out/data.h5");
  auto refuse = [&](const std::string& folder, std::vector<std::string> parts) {
    expect_refusal([&] { import_images({path(folder)}, out, {}); }, parts);
    EXPECT_TRUE(fs::is_empty(folder_ / "out")) << folder;
  };
  const at::Tensor pixels = bytes({32, 32, 3});
  for (const char* folder : {"text", "png", "jpeg", "jpeg-header", "loose", "deep", "hollow"})
    write_png(path(fmt::format("{}/{}a.png", folder, std::string(folder) == "hollow" ? "x/" : "")),
              pixels);
  std::ofstream(path("text/b.txt")) << "no picture\n";
  refuse("text", {path("text/b.txt")});
  write_png(path("png/b.png"), pixels);
  halve(path("png/b.png"));
  refuse("png", {path("png/b.png")});
  write_jpeg(path("jpeg/b.jpg"), pixels);
  halve(path("jpeg/b.jpg"));
  refuse("jpeg", {path("jpeg/b.jpg")});
  write_jpeg(path("jpeg-header/b.jpg"), pixels);
  fs::resize_file(path("jpeg-header/b.jpg"), 30);
  refuse("jpeg-header", {path("jpeg-header/b.jpg")});
  write_png(path("loose/class/b.png"), pixels);
  refuse("loose", {path("loose/a.png"), path("loose/class/b.png")});
  write_png(path("deep/class/inner/b.png"), pixels);
  refuse("deep", {path("deep/class/inner")});
  fs::create_directory(path("hollow/y"));
  refuse("hollow", {path("hollow/y")});
}

TEST_F(ImagesTest, ImportLeavesAnOlderFileAsItWasWhenItFails) {
  const std::string out = data_file("out.h5", bytes({2, 1, 2, 2}));
  const std::string before = open_images({out}).content_hash;
  write_png(path("set/a.png"), bytes({32, 32, 1}));
  halve(path("set/a.png"));
  EXPECT_THROW(import_images({path("set")}, out, {}), DataError);
  EXPECT_EQ(open_images({out}).content_hash, before);
}

TEST_F(ImagesTest, WrittenSamplesAreAValidDataFile) {
  Batch samples;
  samples.x = at::randn({5, 3, 4, 4});
  samples.labels = at::arange(5);
  write_data_file(path("samples.h5"), "images",
                  [&](Hdf5File& file) { write_images(samples, {}, file); });
  const DataSource source = open_images({path("samples.h5")});
  EXPECT_TRUE(all_rows(source).equal(samples.x));
  EXPECT_TRUE(source.all->rows(at::arange(5)).labels.equal(samples.labels));
}

TEST_F(ImagesTest, PictureOfSamplesShowsEachAtItsPlaceEnlarged) {
  Batch samples;
  samples.x = at::linspace(-1.5, 1.5, 10).view({10, 1, 1, 1}).expand({10, 1, 4, 6});
  draw_images(samples, {}, path("grid.png"));
  const at::Tensor picture = read_picture(path("grid.png"));
  const int64_t width = 8 * 7 - 1, factor = 1000 / width;
  ASSERT_EQ(picture.sizes(), (std::vector<int64_t>{1, 9 * factor, width * factor}));
  for (int64_t i = 0; i < 10; ++i) {
    const at::Tensor cell = picture[0]
                                .narrow(0, i / 8 * 5 * factor, 4 * factor)
                                .narrow(1, i % 8 * 7 * factor, 6 * factor);
    const double value = std::clamp(-1.5 + i / 3.0, -1.0, 1.0);
    EXPECT_NEAR(cell.min().item<int>(), (value + 1) * 127.5, 0.51);
    EXPECT_EQ(cell.min().item<int>(), cell.max().item<int>());
  }
  EXPECT_TRUE(picture[0].narrow(0, 4 * factor, factor).eq(255).all().item<bool>()) << "white line";
}

TEST_F(ImagesTest, PictureIsInColourForThreeChannelsOnly) {
  for (const auto& [channels, shown] : {std::pair{1, 1}, {2, 1}, {3, 3}, {4, 1}}) {
    Batch samples;
    samples.x = at::zeros({3, channels, 8, 8});
    draw_images(samples, {}, path("grid.png"));
    EXPECT_EQ(picture_shape(path("grid.png")).channels, shown) << channels;
  }
}

}  // namespace
}  // namespace ornstein::images
