// The environment of an imagined process.
#pragma once

#include <map>
#include <string>

#include "launch/local_rank.h"

namespace ornstein {

using Variables = std::map<std::string, std::string>;

inline Environment environment(Variables variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

}  // namespace ornstein
