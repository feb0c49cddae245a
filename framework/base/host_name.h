#pragma once

#include <string>

namespace ornstein {

std::string host_name();

}  // namespace ornstein
