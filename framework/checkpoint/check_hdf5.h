// Every HDF5 call is made under Hdf5Lock and goes through one checker. Only hdf5_file.cpp sees the
// library.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace ornstein {

// The process-wide mutex around the library (recursive: closing a handle takes it too). Silences
// the library's own printing of errors, which is a setting of each thread.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::lock_guard<std::recursive_mutex> guard_;
};

// What was being done to what, for the message of a failure.
struct Hdf5Call {
  enum Verb { kOpen, kRead, kWrite };
  Verb verb;
  const std::string& file;
  const std::string& object;  // "/images"; empty: the file itself
};

// Throws DataError "cannot VERB OBJECT in FILE (why) cure". Without `why`, the innermost reason the
// library has for the call that has just failed on this thread.
[[noreturn]] void throw_hdf5(const Hdf5Call& call, const std::string& why = "");

// `result` of an HDF5 call, unless negative.
template <typename Result>
Result check_hdf5(Result result, const Hdf5Call& call) {
  if (result < 0) throw_hdf5(call);
  return result;
}

// Owns an identifier.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle() {
    Hdf5Lock lock;
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

// A link creation list that makes the groups missing on the way.
Hdf5Handle making_groups();

}  // namespace ornstein
