// Which device a rank computes on, and that all ranks have one of their own or none has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launch/local_rank.h"

namespace ornstein {

// The number of the rank's device among the `visible` ones, or nullopt for the processor.
// `wanted` is runtime.device: auto (a device if there is one), cpu, cuda. ConfigError where cuda is
// wanted and the build has none (`built`), or the process sees none.
std::optional<int> choose_device(const std::string& wanted, bool built, int visible,
                                 int local_rank);

// One line for each device that several ranks have, and one where some ranks have none: who they
// are and the cure; `seats` by rank.
std::vector<std::string> device_conflicts(const std::vector<Seat>& seats);

// By rank; over MPI, all ranks together. Texts of up to 255 bytes.
std::vector<Seat> gather_seats(const Seat& own);

}  // namespace ornstein
