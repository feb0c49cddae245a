// TensorBoard's event file: TFRecord framing (length, masked CRC-32C) around Event protocol
// buffers, written by hand since the three messages in use are small. Source:
// tensorflow/core/util/event.proto, framework/summary.proto.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

namespace ornstein {

class EventFile {
 public:
  // A new file in `directory`. Tells TensorBoard to forget what earlier files say beyond `step`.
  EventFile(const std::string& directory, int64_t step);

  void scalars(int64_t step, const std::map<std::string, double>& values);
  void picture(int64_t step, const std::string& tag, const std::string& png_file);

 private:
  void event(int64_t step, const std::string& payload);
  std::ofstream stream_;
};

uint32_t crc32c(const std::string& bytes);  // Castagnoli

}  // namespace ornstein
