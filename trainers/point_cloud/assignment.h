// The linear assignment problem: n sources to n targets, one each, at the least sum of costs. By
// LEMON's network simplex (Dezso, Juttner and Kovacs 2011, Electron. Notes Theor. Comput. Sci. 264;
// Kovacs 2015, Optim. Methods Softw. 30), whose pivots are in integers, so that it ends and its end
// is the minimum.
#pragma once

#include <memory>
#include <vector>

namespace ornstein::point_cloud {

// Keeps the solver's memory for problems of one size after another.
class Assignment {
 public:
  Assignment();
  ~Assignment();

  // (1/n) min_pi sum_i costs[i n + pi(i)]; costs [n n] >= 0, finite. Costs are rounded to multiples
  // of 2^-40 of the largest.
  double least_mean(const std::vector<double>& costs);

 private:
  struct Solver;
  std::unique_ptr<Solver> solver_;
};

}  // namespace ornstein::point_cloud
