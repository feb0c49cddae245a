#include "datasets/images/font_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "datasets/images/image_dataset.h"
#include "datasets/images/image_import.h"
#include "datasets/images/picture_file.h"
#include "framework/base/errors.h"
#include "framework/checkpoint/hdf5_file.h"

namespace ornstein::images {
namespace {

namespace fs = std::filesystem;

const std::string kEmoji = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
constexpr int64_t kCount = 3926;

class Emoji : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kEmoji))
      GTEST_SKIP() << "no " << kEmoji << ": install fonts-noto-color-emoji to test its import";
    std::string name = testing::TempDir() + "emoji_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~Emoji() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ / name; }

  // The imported images, uint8 [N, C, H, W].
  at::Tensor imported(const ImportOptions& options) const {
    import_images({kEmoji}, path("emoji.h5"), options);
    return Hdf5File::open(path("emoji.h5")).read("/images");
  }

  // As the font has them; imported once.
  const at::Tensor& native() const {
    static const at::Tensor images = imported({});
    return images;
  }

  // A copy of the font after `damage`.
  std::string spoilt(const std::function<void(std::string& bytes)>& damage) const {
    std::ostringstream all;
    all << std::ifstream(kEmoji, std::ios::binary).rdbuf();
    std::string bytes = all.str();
    damage(bytes);
    std::ofstream(path("spoilt.ttf"), std::ios::binary) << bytes;
    return path("spoilt.ttf");
  }

  void expect_refusal(const std::string& font, const std::string& why) const {
    try {
      import_images({font}, path("out.h5"), {});
      FAIL() << "took " << font;
    } catch (const DataError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(font), std::string::npos) << message;
      EXPECT_NE(message.find(why), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
    for (const auto& entry : fs::directory_iterator(folder_))
      EXPECT_NE(entry.path().extension(), ".h5") << entry.path();
  }

  fs::path folder_;
};

TEST_F(Emoji, AreAllThereOnWhiteAsTheFontsOwnPicturesSay) {
  const at::Tensor& images = native();
  ASSERT_EQ(images.sizes(), (std::vector<int64_t>{kCount, 3, 128, 128}));

  // The same pictures by another way: libpng on the streams as they lie in the file, opacity not
  // yet multiplied in. FreeType rounds that product to 8 bits first, hence a difference of one.
  std::ostringstream all;
  all << std::ifstream(kEmoji, std::ios::binary).rdbuf();
  const std::string bytes = all.str();
  std::vector<size_t> starts;
  for (size_t at = bytes.find("\x89PNG"); at != std::string::npos;
       at = bytes.find("\x89PNG", at + 1))
    starts.push_back(at);
  ASSERT_EQ(std::ssize(starts), kCount);
  int64_t transparent = 0;
  for (int64_t row = 0; row < kCount; row += 151) {
    std::ofstream(path("one.png"), std::ios::binary) << bytes.substr(starts[row], 1 << 16);
    const at::Tensor whole = read_picture(path("one.png"));  // [3, 128, 136]
    const at::Tensor middle = whole.narrow(2, 4, 128);
    EXPECT_LE((images[row].to(at::kInt) - middle.to(at::kInt)).abs().max().item<int>(), 1) << row;
    EXPECT_TRUE(whole.narrow(2, 0, 4).eq(255).all().item<bool>()) << "nothing was cut off";
    EXPECT_TRUE(whole.narrow(2, 132, 4).eq(255).all().item<bool>()) << "nothing was cut off";
    const at::Tensor white = middle.eq(255).all(0);
    EXPECT_TRUE(images[row].eq(255).all(0).equal(white)) << row;
    transparent += white.sum().item<int64_t>();
  }
  EXPECT_GT(transparent, 26 * 128 * 128 / 10);

  const at::Tensor corners =
      images.index({at::indexing::Slice(), at::indexing::Slice(), at::tensor({0, 0, 127, 127}),
                    at::tensor({0, 127, 0, 127})});
  EXPECT_GE(corners.eq(255).flatten(1).all(1).sum().item<int64_t>(), 3900) << "few reach a corner";
}

TEST_F(Emoji, AreReducedLikePictures) {
  const at::Tensor some = at::arange(0, kCount, 401);
  for (const auto& [size, grey] : {std::pair{64, true}, {32, false}}) {
    const int64_t channels = grey ? 1 : 3;
    const at::Tensor images = imported({.size = size, .grey = grey});
    ASSERT_EQ(images.sizes(), (std::vector<int64_t>{kCount, channels, size, size}));
    const at::Tensor expected =
        centre_square(with_channels(native().index_select(0, some), channels), size);
    EXPECT_TRUE(images.index_select(0, some).equal(expected)) << size;
  }
  const DataSource source = open_images({path("emoji.h5")});
  EXPECT_EQ(source.all->spec().classes, 0);
  EXPECT_FALSE(source.split.defined());
  const Hdf5File file = Hdf5File::open(path("emoji.h5"));
  EXPECT_EQ(file.text_attribute("/", "source"), "NotoColorEmoji.ttf");
  EXPECT_EQ(file.text_attribute("/", "licence"), "SIL Open Font License 1.1");
  EXPECT_NE(file.text_attribute("/", "description").find("Noto Color Emoji"), std::string::npos);
}

TEST_F(Emoji, OfADamagedFontAreRefusedAndLeaveNothing) {
  expect_refusal(spoilt([](std::string& bytes) { bytes.resize(bytes.size() / 2); }), "damaged");
  expect_refusal(spoilt([](std::string& bytes) { bytes.resize(3000); }), "damaged");
  expect_refusal(spoilt([](std::string& bytes) { bytes[bytes.size() / 2] ^= 16; }), "glyph");
}

TEST_F(Emoji, ComeAlone) {
  try {
    import_images({kEmoji, kEmoji}, path("out.h5"), {});
    FAIL() << "took two fonts";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("alone"), std::string::npos) << error.what();
  }
}

TEST_F(Emoji, AreNotInAFontOfOutlines) {
  std::string outlines;
  for (const auto& entry : fs::recursive_directory_iterator("/usr/share/fonts/truetype"))
    if (outlines.empty() && entry.path().extension() == ".ttf" && entry.path() != kEmoji)
      outlines = entry.path();
  if (outlines.empty()) GTEST_SKIP() << "no other font: install fonts-dejavu-core";
  expect_refusal(outlines, "no coloured pictures");
}

}  // namespace
}  // namespace ornstein::images
