#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ornstein {

// " (known: a, b, c) did you mean 'b'?": the nearest name if it is near, and all names if they are
// few.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace ornstein
