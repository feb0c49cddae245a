#include "framework/comm/mpi_reduction.h"

#include "framework/comm/check_mpi.h"

namespace ornstein {
namespace {

using c10d::ReduceOp;

struct Sum {
  float operator()(float a, float b) const { return a + b; }
};
struct Largest {
  float operator()(float a, float b) const { return std::max(a, b); }
};
struct Smallest {
  float operator()(float a, float b) const { return std::min(a, b); }
};

template <class T, class Combine>
void combine(void* in, void* inout, int* count, MPI_Datatype*) {
  const auto* a = static_cast<const T*>(in);
  auto* b = static_cast<T*>(inout);
  for (int i = 0; i < *count; ++i) {
    b[i] = static_cast<T>(Combine()(static_cast<float>(a[i]), static_cast<float>(b[i])));
  }
}

MPI_Op make_operation(MPI_User_function* function) {
  MPI_Op operation = MPI_OP_NULL;
  check_mpi(MPI_Op_create(function, /*commute=*/1, &operation), "MPI_Op_create");
  return operation;
}

MPI_Op operation_of(ReduceOp::RedOpType operation) {
  switch (operation) {
    case ReduceOp::SUM:
    case ReduceOp::AVG:
      return MPI_SUM;
    case ReduceOp::MAX:
      return MPI_MAX;
    case ReduceOp::MIN:
      return MPI_MIN;
    default:
      TORCH_CHECK(false, "all-reduce knows SUM, AVG, MAX and MIN, not operation ", int(operation));
  }
}

MPI_Datatype type_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kLong:
      return MPI_INT64_T;
    case at::kInt:
      return MPI_INT32_T;
    case at::kByte:
    case at::kBool:
      return MPI_UINT8_T;
    default:
      TORCH_CHECK(false, "all-reduce of a tensor of type ", type);
  }
}

}  // namespace

MpiReductions::MpiReductions() {
  check_mpi(MPI_Type_contiguous(2, MPI_BYTE, &two_bytes_), "MPI_Type_contiguous");
  check_mpi(MPI_Type_commit(&two_bytes_), "MPI_Type_commit");
  narrow_[{at::kBFloat16, MPI_SUM}] = make_operation(combine<at::BFloat16, Sum>);
  narrow_[{at::kBFloat16, MPI_MAX}] = make_operation(combine<at::BFloat16, Largest>);
  narrow_[{at::kBFloat16, MPI_MIN}] = make_operation(combine<at::BFloat16, Smallest>);
  narrow_[{at::kHalf, MPI_SUM}] = make_operation(combine<at::Half, Sum>);
  narrow_[{at::kHalf, MPI_MAX}] = make_operation(combine<at::Half, Largest>);
  narrow_[{at::kHalf, MPI_MIN}] = make_operation(combine<at::Half, Smallest>);
}

MpiReductions::~MpiReductions() {
  for (auto& [key, operation] : narrow_) MPI_Op_free(&operation);
  MPI_Type_free(&two_bytes_);
}

MpiReduction MpiReductions::find(at::ScalarType type, ReduceOp::RedOpType operation) const {
  TORCH_CHECK(operation != ReduceOp::AVG || at::isFloatingType(type), "an average of type ", type);
  const MPI_Op op = operation_of(operation);
  if (auto own = narrow_.find({type, op}); own != narrow_.end()) return {two_bytes_, own->second};
  return {type_of(type), type == at::kBool && op == MPI_SUM ? MPI_MAX : op};
}

}  // namespace ornstein
