// The table over all ranks that `ornstein doctor` prints.
#pragma once

#include <string>
#include <vector>

#include "launch/doctor/facts.h"

namespace ornstein {

// Ascending numbers >= 0 in the short form of Linux and Slurm: "0-3,8", and "0-62:2" for every
// second one.
std::string number_ranges(const std::vector<int>& numbers);

// One line for the ranks of a host that differ in nothing but their number and which cores are
// theirs: 64 ranks on 8 equal hosts are 8 lines. `facts` by rank.
std::string table_of(const std::vector<RankFacts>& facts);

}  // namespace ornstein
