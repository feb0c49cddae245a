// The MPI type and operation that reduce a tensor's elements over ranks.
#pragma once

#include <c10/core/ScalarType.h>
#include <mpi.h>

#include <map>
#include <torch/csrc/distributed/c10d/Types.hpp>
#include <utility>

namespace ornstein {

struct MpiReduction {
  MPI_Datatype type;
  MPI_Op operation;
};

// float32, float64, int64, int32, uint8: SUM, MAX, MIN; AVG (floating types) sums, the caller
// divides. bool: SUM and MAX are "or", MIN is "and". bfloat16 and float16, which MPI lacks, are
// two-byte types with operations of our own that compute in float and round once per pair of ranks.
// Sums that overflow uint8 are undefined: Open MPI's vector code saturates, its scalar code wraps.
class MpiReductions {
 public:
  MpiReductions();
  ~MpiReductions();
  MpiReductions(const MpiReductions&) = delete;
  MpiReductions& operator=(const MpiReductions&) = delete;

  // TORCH_CHECK fails for a pair not listed above.
  MpiReduction find(at::ScalarType type, c10d::ReduceOp::RedOpType operation) const;

 private:
  MPI_Datatype two_bytes_ = MPI_DATATYPE_NULL;
  std::map<std::pair<at::ScalarType, MPI_Op>, MPI_Op> narrow_;  // by the operation it stands for
};

}  // namespace ornstein
