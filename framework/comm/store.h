// A key-value store on rank 0 that all ranks reach over TCP, beside MPI: for what must work while
// MPI does not, and for NCCL's start.
#pragma once

#include <c10/util/intrusive_ptr.h>
#include <mpi.h>

#include <chrono>

namespace c10d {
class TCPStore;
}

namespace ornstein {

// All ranks of the communicator call it together. Ranks of one host take the loopback; others try
// rank 0's addresses in turn. CommError where none answers. Every request fails after `patience`,
// unless rank 0 is stopped in the middle of one: then it may wait for ever.
c10::intrusive_ptr<c10d::TCPStore> make_store(MPI_Comm communicator,
                                              std::chrono::milliseconds patience);

}  // namespace ornstein
