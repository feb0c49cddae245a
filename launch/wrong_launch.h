// Launches that cannot train: refused at once, by one line that names the cure. The user's mistake:
// exit code 2.
#pragma once

#include <string>
#include <string_view>

#include "launch/local_rank.h"

namespace ornstein {

class MpiSession;

// Throws ConfigError if the launcher started several processes of which MPI knows only this one
// (`ranks` = 1): all would write the same run. The size that Open MPI's own launcher gives counts
// alone where there is one: `mpirun -n 1` may well stand in a step of several tasks.
void refuse_singletons(const Environment& variable, int ranks);

// A hash of the bytes of the program that runs; where they cannot be read, a text that says why.
std::string own_program();

// Both are called by all ranks together, outside `MpiSession::together`. If `value` is not
// everywhere that of rank 0, the lowest rank where it differs throws ConfigError, which names
// `what`, both hosts and the cure, and every other throws MpiSession::Quiet.

// `value` stands in the message: give the hash of a long one.
void require_same(const MpiSession& session, std::string_view what, std::string_view value,
                  std::string_view cure);

// Of resolved configurations, read from `path`; the message names the keys that differ.
void require_same_configuration(const MpiSession& session, const std::string& resolved,
                                const std::string& path);

}  // namespace ornstein
