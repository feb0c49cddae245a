// cloud_distances [N]: the matrices of Chamfer and exact earth mover's distances between N x N
// clouds (200) of 256 points, over the ranks it is started on: seconds, and a checksum that must
// not depend on their number. Clouds are ellipsoids and boxes: pairs of unlike shapes are the slow
// ones.
#include <mpi.h>

#include <chrono>
#include <cstdio>

#include "framework/base/random.h"
#include "framework/comm/check_mpi.h"
#include "framework/comm/process_group.h"
#include "framework/training/parallel_rows.h"
#include "trainers/point_cloud/cloud_distance.h"

namespace ornstein {
namespace {

constexpr int64_t kPoints = 256;

// [count, kPoints, 3]: the first half on ellipsoids, the second on boxes, with axes in [0.3, 1].
at::Tensor clouds(int64_t count, uint64_t seed) {
  auto generator = make_generator(seed);
  const int64_t half = count / 2;
  const at::Tensor axes = 0.3 + 0.7 * at::rand({2 * half, 1, 3}, generator);
  const at::Tensor normal = at::randn({half, kPoints, 3}, generator);
  const at::Tensor spheres = normal / normal.norm(2, 2, true);
  at::Tensor cubes = 2 * at::rand({half, kPoints, 3}, generator) - 1;
  const at::Tensor face = at::randint(3, {half, kPoints, 1}, generator, at::kLong);
  cubes.scatter_(2, face, cubes.gather(2, face).sign());
  return at::cat({spheres, cubes}) * axes;
}

void run(int64_t count) {
  at::set_num_threads(1);
  const auto flight = std::make_shared<FlightRecorder>();
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, at::kCPU, flight);
  const ParallelRows rows = make_parallel_rows(group, 0, at::kCPU);
  const at::Tensor a = clouds(count, 1), b = clouds(count, 2);
  for (const auto& [name, kind] :
       {std::pair{"Chamfer", point_cloud::CloudDistance::chamfer},
        std::pair{"earth mover's", point_cloud::CloudDistance::earth_movers}}) {
    at::Tensor ready = at::zeros({1}, at::kDouble);
    all_reduce_sum(group, ready);
    const auto begun = std::chrono::steady_clock::now();
    const at::Tensor distances = point_cloud::distances_between(kind, a, b, rows);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    if (rank(group) == 0)
      std::printf("%d ranks, %s: %.2f s for %ld x %ld clouds of %ld points, mean %.15g\n",
                  static_cast<int>(world_size(group)), name, taken.count(), a.size(0), b.size(0),
                  kPoints, distances.mean().item<double>());
  }
}

}  // namespace
}  // namespace ornstein

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
  ornstein::require_thread_level(level);
  ornstein::run(argc > 1 ? std::stol(argv[1]) : 200);
  MPI_Finalize();
  return 0;
}
