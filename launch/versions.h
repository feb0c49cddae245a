// What this program was built from and runs under; for provenance and `doctor`.
#pragma once

#include <string>

#include "framework/config/json_line.h"

namespace ornstein {

JsonLine versions();          // ornstein, libtorch, mpi, hdf5
bool hdf5_is_thread_safe();   // as the library was built
std::string launcher_name();  // "mpirun", "srun", "none"
std::string utc_now();        // 2026-01-31T12:00:00Z

}  // namespace ornstein
