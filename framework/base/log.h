// Lines on standard error. Only rank 0 talks; another rank speaks when it fails.
#pragma once

#include <string_view>

namespace ornstein {

// The rank whose lines these are; 0 until MPI has started.
void set_log_rank(int rank);
int log_rank();

void log_info(std::string_view line);      // rank 0 only
void log_any_rank(std::string_view line);  // prefixed by the rank

}  // namespace ornstein
