#include "datasets/images/idx_file.h"

#include <zlib.h>

#include <array>

#include "framework/base/errors.h"

namespace ornstein::images {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;

std::shared_ptr<gzFile_s> open_stream(const std::string& path) {
  gzFile stream = gzopen(path.c_str(), "rb");  // reads what is not compressed as it is
  return {stream, [](gzFile opened) {
            if (opened) gzclose(opened);
          }};
}

}  // namespace

bool is_idx_file(const std::string& path) {
  std::array<uint8_t, 4> magic{};
  const auto stream = open_stream(path);
  if (!stream) return false;
  // No picture comes in a gzip stream: a damaged one is for IdxFile to name.
  if (gzread(stream.get(), magic.data(), 4) != 4) return gzdirect(stream.get()) == 0;
  return magic[0] == 0 && magic[1] == 0 && magic[2] >= kUnsignedByte && magic[2] <= 0x0E &&
         magic[3] >= 1 && magic[3] <= 4;
}

IdxFile::IdxFile(const std::string& path) : path_(path), stream_(open_stream(path)) {
  if (!stream_) throw DataError(fmt::format("cannot read {} (no permission, or gone)", path));
  std::array<uint8_t, 4> word{};
  read(word.data(), 4);
  if (word[0] != 0 || word[1] != 0 || word[2] != kUnsignedByte)
    throw DataError(
        fmt::format("{} is no IDX file of unsigned bytes (it begins with {:02x}, not with 00 00 "
                    "08) leave it out, or convert it",
                    path, fmt::join(word, " ")));
  shape_.resize(word[3]);
  for (int64_t& size : shape_) {
    read(word.data(), 4);
    size = 0;
    for (uint8_t byte : word) size = size << 8 | byte;
    if (size == 0) throw DataError(fmt::format("{} is empty (a size of 0)", path));
  }
}

at::Tensor IdxFile::read(int64_t rows) {
  std::vector<int64_t> shape = shape_;
  shape[0] = rows;
  at::Tensor result = at::empty(shape, at::kByte);
  read(result.mutable_data_ptr(), static_cast<size_t>(result.numel()));
  read_ += rows;
  if (read_ == shape_[0]) {
    char next = 0;
    int code = Z_OK;
    const int got = gzread(stream_.get(), &next, 1);
    gzerror(stream_.get(), &code);  // gzread returns 0, too, where the checksum is cut off
    if (code != Z_OK) fail();
    if (got > 0)
      throw DataError(
          fmt::format("{} is damaged (it goes on after its last row) fetch it again", path_));
  }
  return result;
}

void IdxFile::read(void* bytes, size_t count) {
  constexpr size_t kMost = size_t{1} << 26;  // gzread counts in int
  auto* target = static_cast<char*>(bytes);
  while (count > 0) {
    const int got = gzread(stream_.get(), target, static_cast<unsigned>(std::min(count, kMost)));
    if (got <= 0) fail();
    target += got;
    count -= static_cast<size_t>(got);
  }
}

void IdxFile::fail() {
  int code = Z_OK;
  gzerror(stream_.get(), &code);
  throw DataError(
      fmt::format("{} is damaged ({}) fetch it again", path_,
                  code == Z_DATA_ERROR ? "its compressed data is wrong" : "it ends too early"));
}

}  // namespace ornstein::images
