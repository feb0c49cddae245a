// The contract of a method (design, section 5). A method is written for one device and one process;
// the loop makes it parallel, clips, steps AdamW, keeps EMA profiles, checkpoints and resumes.
// Nothing here knows of ranks or files.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "framework/base/batch.h"
#include "framework/data/dataset.h"
#include "framework/evaluation/figure.h"

namespace ornstein {

// One network: its own flat buffers, optimiser, clipping and EMA. Real tensors of one floating
// type.
struct ParameterGroup {
  std::string name;  // options: `training` overlaid by `training.groups.<name>`
  std::vector<NamedTensor> parameters;
};

struct Term {
  std::string name;
  at::Tensor sum;     // scalar, detached
  double weight = 0;  // rows, paths, points: whatever `sum` is a sum of
};

// A SUM over one shard; the loop divides by the weight of all shards of all ranks.
struct Loss {
  at::Tensor sum;  // scalar, differentiable
  double weight = 0;
  std::vector<Term> terms;  // for the log; same names on every shard
};

struct Step {
  int64_t number = 0;  // one step = one update of some groups
  int64_t shard = 0;   // of `shards`; global row = shard * b + i (stratified times)
  int64_t shards = 1;
  at::Generator generator;  // by (seed, number, shard); in begin_step by (seed, number)
  const Dataset& train;     // for a method's own draws
};

struct Update {  // a function of step number and configuration alone
  std::vector<std::string>
      groups;  // empty: all. The rest is frozen for this step (gradients still flow through)
  bool restart = false;  // moments, update count and EMA of these groups begin anew
};

// Rows first..first+rows-1 of 0..total-1, with a generator keyed by the block. Returns [rows, ...]
// for collect, any one shape for sum.
using RowFunction =
    std::function<at::Tensor(int64_t first, int64_t rows, at::Generator& generator)>;

// Runs a function on fixed blocks of 0..total-1, spread over all ranks; the same result on each
// rank, bit for bit, at any number of ranks. Every rank must make the same calls in the same order;
// this is checked.
struct ParallelRows {
  std::function<at::Tensor(int64_t total, const RowFunction&)> collect;  // concatenated, in order
  std::function<at::Tensor(int64_t total, const RowFunction&)>
      sum;  // added in block order, in float64
};

struct SampleRequest {
  int64_t first = 0;  // row number of the block's first sample
  int64_t rows = 0;
  int64_t steps = 0;  // sampler steps; 0: the method's own
  Batch given;        // condition, labels, x with mask when partly observed, coordinates
};

// [rows] int64: the labels given, or the classes in turn where nothing is given. ConfigError where
// rows without labels are.
at::Tensor labels_of(const SampleRequest& request, int64_t classes, const at::Device& device);

struct EvaluationRequest {
  const Dataset& held_out;
  const Dataset* train = nullptr;
  int64_t samples =
      0;  // how many samples to draw for figures that need some; 0: the method's own number
};

// What a method is conditioned on: what sample() takes of `given`, and held-out rows must have.
enum class Conditioning { nothing, labels, rows };

class Trainer {
 public:
  virtual ~Trainer() = default;

  virtual Conditioning conditioning() const { return Conditioning::nothing; }

  // Disjoint, the same on every rank. Empty: nothing to learn, steps = 0. Called once; the loop
  // lays the tensors into flat buffers in place, so that the trainer's modules go on seeing them.
  virtual std::vector<ParameterGroup> parameters() = 0;

  // What a checkpoint holds besides; the same on all ranks. Written in place, by fit() and
  // begin_step() only. Lies on the parameters' device from fit() on.
  virtual std::vector<NamedTensor> state() = 0;

  // Once, before step 0 of a fresh run: statistics, closed forms, first values.
  virtual void fit(const Dataset& train, const ParallelRows& rows) {}

  // Once a step, alike on all ranks: phases, power iteration, target networks.
  virtual Update begin_step(const Step& step) { return {}; }

  // One shard; changes nothing but memos (recomputable from parameters, state, seed, step and
  // shard).
  virtual Loss loss(const Batch& batch, const Step& step) = 0;

  // Whether loss() does the same work on the device in every step and whatever the rows: shapes
  // that do not depend on values, no number read by the host, nothing drawn or made on the host.
  // Then its kernels may be recorded and replayed.
  virtual bool replayable() const { return false; }

  // Of functions: the grid that samples are drawn on where nobody names one, [n, 1] or [n, m, 2].
  virtual at::Tensor coordinates() const { return {}; }

  // One block of fixed size, in the data's own units: sample i depends on (seed, i) alone.
  virtual Batch sample(const SampleRequest& request, at::Generator& generator) = 0;

  virtual std::vector<Figure> evaluate(const EvaluationRequest& request,
                                       const ParallelRows& rows) = 0;
};

}  // namespace ornstein
