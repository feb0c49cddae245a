#include "framework/training/event_file.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <sstream>

#include "framework/base/host_name.h"

namespace ornstein {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Protocol buffer encoding: a field is (number << 3 | wire type), then its value.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}
std::string integer_field(int number, int64_t value) {
  return varint(static_cast<uint64_t>(number) << 3 | 0) + varint(static_cast<uint64_t>(value));
}
std::string double_field(int number, double value) {
  return varint(static_cast<uint64_t>(number) << 3 | 1) + raw(value);
}
std::string bytes_field(int number, const std::string& value) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(value.size()) + value;
}
std::string float_field(int number, float value) {
  return varint(static_cast<uint64_t>(number) << 3 | 5) + raw(value);
}

// PNG keeps width and height, big-endian, at bytes 16 and 20.
uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

uint32_t crc32c(const std::string& bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82f63b78u : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const std::string& directory, int64_t step) {
  const std::string path =
      fmt::format("{}/events.out.tfevents.{:.0f}.{}.{}", directory, now(), host_name(), getpid());
  stream_.open(path, std::ios::binary);
  event(0, bytes_field(3, "brain.Event:2"));  // file_version
  // SessionLog START: TensorBoard drops the events of earlier files beyond this step.
  event(step + 1, bytes_field(7, integer_field(1, 1)));
}

void EventFile::scalars(int64_t step, const std::map<std::string, double>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  event(step, bytes_field(5, summary));
}

void EventFile::picture(int64_t step, const std::string& tag, const std::string& png_file) {
  std::ifstream stream(png_file, std::ios::binary);
  std::stringstream content;
  content << stream.rdbuf();
  const std::string png = content.str();
  if (png.size() < 24) return;
  const std::string image = integer_field(1, big_endian(png, 20)) +
                            integer_field(2, big_endian(png, 16)) + integer_field(3, 3) +
                            bytes_field(4, png);
  event(step, bytes_field(5, bytes_field(1, bytes_field(1, tag) + bytes_field(4, image))));
}

void EventFile::event(int64_t step, const std::string& payload) {
  const std::string record = double_field(1, now()) + integer_field(2, step) + payload;
  auto masked_crc = [](const std::string& bytes) {
    const uint32_t crc = crc32c(bytes);
    return raw<uint32_t>((crc >> 15 | crc << 17) + 0xa282ead8u);
  };
  const std::string length = raw<uint64_t>(record.size());
  stream_ << length << masked_crc(length) << record << masked_crc(record) << std::flush;
}

}  // namespace ornstein
