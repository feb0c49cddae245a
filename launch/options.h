// The command line (Boost.Program_options).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ornstein {

struct Catalogue;
class MpiSession;

struct Command {
  bool needs_mpi = false;
  bool stops_on_request = false;  // else a signal ends it at once
  std::function<int(const Catalogue&, const MpiSession*)>
      run;  // the session is null where MPI is not needed
};

// Throws ConfigError for what cannot be understood. --help is a command that prints.
Command parse_command_line(const std::vector<std::string>& arguments);

}  // namespace ornstein
