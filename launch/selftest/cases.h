// What `ornstein selftest --chaos` tries: the table of promises, the faults that test them, and how
// it is seen whether they were kept.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ornstein {

class Trial;

struct ChaosCase {
  const char* promise;
  std::string fault;
  // Starts the run and brings the fault about. Draws its moment from the trial.
  std::function<void(Trial&)> inject;
  // Waits for the end, looks at what is left, and goes on with the run. Throws Broken.
  std::function<void(Trial&)> judge;
};

std::vector<ChaosCase> chaos_cases();

}  // namespace ornstein
