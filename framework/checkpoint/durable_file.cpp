#include "framework/checkpoint/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"

namespace ornstein {
namespace {

// `result` of a system call, unless negative.
template <typename Result>
Result check_system(Result result, const char* verb, const std::string& path) {
  if (result >= 0) return result;
  const int error = errno;
  throw CheckpointError(fmt::format("cannot {} {} ({}) check {} there", verb, path,
                                    std::strerror(error),
                                    error == EIO ? "the disk" : "space and rights"));
}

}  // namespace

DurableFile::DurableFile(std::string path, int flags)
    : path_(std::move(path)),
      descriptor_(check_system(::open(path_.c_str(), flags | O_CLOEXEC, 0666), "open", path_)) {}

DurableFile::~DurableFile() { ::close(descriptor_); }

uint64_t DurableFile::size() const {
  struct stat status;
  check_system(::fstat(descriptor_, &status), "read", path_);
  return status.st_size;
}

size_t DurableFile::read(void* to, size_t size, uint64_t offset) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(descriptor_, static_cast<char*>(to) + done, size - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (check_system(got, "read", path_) == 0) break;
    done += got;
  }
  return done;
}

void DurableFile::write(const void* from, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t put =
        ::pwrite(descriptor_, static_cast<const char*>(from) + done, size - done, offset + done);
    if (put < 0 && errno == EINTR) continue;
    done += check_system(put, "write", path_);
  }
}

void DurableFile::sync() { check_system(::fsync(descriptor_), "write", path_); }

void rename_durably(const std::string& from, const std::string& to) {
  rename_file(from, to);
  sync_directory_of(to);
}

void rename_file(const std::string& from, const std::string& to) {
  check_system(std::rename(from.c_str(), to.c_str()), "rename", from);
}

void sync_directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  DurableFile(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY).sync();
}

void pass_fault_point(const char* point, const char* verb, const std::string& path) {
  errno = fault_point(point);
  check_system(errno == 0 ? 0 : -1, verb, path);
}

}  // namespace ornstein
