#include "framework/checkpoint/check_hdf5.h"

#include "framework/base/errors.h"

namespace ornstein {
namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// The system's words alone where the library quotes them ("..., error message = 'No such file or
// directory', ...").
std::string system_words(const std::string& description) {
  static const std::string kQuote = "error message = '";
  const size_t begin = description.find(kQuote);
  if (begin == std::string::npos) return description;
  const size_t first = begin + kQuote.size();
  return description.substr(first, description.find('\'', first) - first);
}

// Walking upward meets the innermost error first.
herr_t keep_first(unsigned n, const H5E_error2_t* error, void* text) {
  if (n == 0 && error->desc) *static_cast<std::string*>(text) = error->desc;
  return 0;
}

std::string innermost_reason() {
  std::string description;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &description);
  return description.empty() ? "HDF5 gives no reason" : system_words(description);
}

}  // namespace

Hdf5Lock::Hdf5Lock() : guard_(library_mutex()) {
  // The library's own clean-up at exit crashes on a file whose closing failed (a full disk); ours
  // are closed by then.
  static const herr_t kNoExitCleanup = H5dont_atexit();  // before any other call
  static_cast<void>(kNoExitCleanup);
  thread_local const bool kSilenced = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  static_cast<void>(kSilenced);
}

void throw_hdf5(const Hdf5Call& call, const std::string& why) {
  static constexpr const char* kVerbs[] = {"open", "read", "write"};
  const std::string what = call.object.empty() ? call.file : call.object + " in " + call.file;
  const std::string cure = call.verb == Hdf5Call::kWrite ? "check space and rights there"
                           : call.object.empty()
                               ? "check the path, and that it is an HDF5 file"
                               : fmt::format("h5ls -r {} shows what it holds", call.file);
  throw DataError(fmt::format("cannot {} {} ({}) {}", kVerbs[call.verb], what,
                              why.empty() ? innermost_reason() : why, cure));
}

Hdf5Handle making_groups() {
  Hdf5Lock lock;
  Hdf5Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(list, 1);
  return list;
}

}  // namespace ornstein
