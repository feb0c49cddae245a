// POSIX files, where it counts that bytes reach the disk. Failures throw CheckpointError "cannot
// VERB PATH (why) cure".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ornstein {

class DurableFile {
 public:
  DurableFile(std::string path, int flags);  // as open(2); a new file's rights are the user's umask
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;
  ~DurableFile();

  uint64_t size() const;
  size_t read(void* to, size_t size,
              uint64_t offset) const;  // bytes read: fewer at the file's end only
  void write(const void* from, size_t size, uint64_t offset);
  void sync();  // on the disk when it returns

 private:
  std::string path_;
  int descriptor_;
};

// `to` is the old file or the new one at every moment, and the new one after a crash from then on.
void rename_durably(const std::string& from, const std::string& to);

// Its two halves.
void rename_file(const std::string& from, const std::string& to);
void sync_directory_of(const std::string& path);

// Fails as "VERB PATH" would where ORNSTEIN_FAULT asks for it (framework/base/fault_point.h).
void pass_fault_point(const char* point, const char* verb, const std::string& path);

}  // namespace ornstein
