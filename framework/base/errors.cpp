#include "framework/base/errors.h"

namespace ornstein {

ExitCode exit_code_of(const std::exception& error) {
  const bool users =
      dynamic_cast<const ConfigError*>(&error) || dynamic_cast<const DataError*>(&error);
  if (dynamic_cast<const StopRequested*>(&error)) return kStopped;
  return users ? kUserMistake : kFailed;
}

std::string message_of(const std::exception& error) {
  const auto* from_torch = dynamic_cast<const c10::Error*>(&error);
  return from_torch ? from_torch->what_without_backtrace() : error.what();
}

}  // namespace ornstein
