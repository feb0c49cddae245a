#include "framework/training/training_loop.h"

#include <chrono>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/base/random.h"
#include "framework/training/autocast.h"

namespace ornstein {
namespace {

using Clock = std::chrono::steady_clock;

// Adds the time since the last call (or construction) to one of the report's counters.
class Stopwatch {
 public:
  void add_to(double& seconds) {
    const auto now = Clock::now();
    seconds += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

// One vector for the step's one small reduction: weight, loss, each term's sum and weight, a bad
// flag, a stop flag. Sums stay on the device until the last shard is done: the host runs ahead.
struct Totals {
  double weight = 0, loss = 0, bad = 0, stop = 0;
  std::vector<Term> terms;

  void add(const Loss& shard) {
    const at::Tensor sum = shard.sum.detach().to(at::kDouble);
    sum_ = sum_.defined() ? sum_ + sum : sum;
    weight += shard.weight;
    if (terms.empty()) {
      for (const auto& term : shard.terms)
        terms.push_back({term.name, at::zeros({}, sum.options()), 0});
    }
    TORCH_CHECK(terms.size() == shard.terms.size(),
                "Loss::terms must have the same names on every shard");
    for (size_t i = 0; i < terms.size(); ++i) {
      TORCH_CHECK(terms[i].name == shard.terms[i].name,
                  "Loss::terms must have the same names on every shard");
      terms[i].sum += shard.terms[i].sum.detach().to(sum.options());
      terms[i].weight += shard.terms[i].weight;
    }
  }

  void fetch() {
    loss = sum_.item<double>();
    for (Term& term : terms) term.sum = term.sum.cpu();
  }

  void reduce(const ProcessGroup& group) {
    std::vector<double> values = {weight, loss, bad, stop};
    for (const auto& term : terms)
      values.insert(values.end(), {term.sum.item<double>(), term.weight});
    at::Tensor sums = at::tensor(values, at::kDouble);
    all_reduce_sum(group, sums);
    const auto* sum = sums.const_data_ptr<double>();
    weight = sum[0], loss = sum[1], bad = sum[2], stop = sum[3];
    for (size_t i = 0; i < terms.size(); ++i) {
      terms[i].sum.fill_(sum[4 + 2 * i]);
      terms[i].weight = sum[5 + 2 * i];
    }
  }

 private:
  at::Tensor sum_;  // of the loss
};

std::vector<GradientBuffer> buffers_of(const TrainingState& state) {
  std::vector<GradientBuffer> buffers;
  for (const auto& group : state.groups) {
    GradientBuffer buffer{group->name, group->gradients, {}, group->offsets};
    for (const auto& [name, tensor] : group->parameters) buffer.parameters.push_back(tensor);
    buffers.push_back(std::move(buffer));
  }
  return buffers;
}

}  // namespace

void require_a_shard_a_rank(const TrainingSettings& settings, int ranks) {
  const int64_t shards = settings.global_batch / settings.micro_batch;
  if (ranks <= shards) return;
  throw ConfigError(fmt::format(
      "{} ranks for {} shards (training.global_batch {} / micro_batch {}, a rank needs one) "
      "start fewer ranks or make training.micro_batch smaller",
      ranks, shards, settings.global_batch, settings.micro_batch));
}

TrainingLoop::TrainingLoop(Trainer& trainer, TrainingState& state,
                           std::shared_ptr<const Dataset> train, const TrainingSettings& settings,
                           ProcessGroup group, const at::Device& device, bool replay)
    : trainer_(trainer),
      state_(state),
      train_(std::move(train)),
      settings_(settings),
      group_(std::move(group)),
      device_(device),
      rows_(on_device(train_, device)),
      plan_{settings.seed, settings.global_batch, settings.micro_batch, train_->spec().rows},
      range_(shards_of_rank(plan_.shards(), rank(group_), world_size(group_))),
      reducer_(group_, buffers_of(state)),
      loader_(train_, plan_, range_, state.step, device) {
  if (replay && !device.is_cpu()) graphs_.emplace(state, device);
}

StepReport TrainingLoop::step(const std::function<bool()>& stop_here) {
  require_progress();
  StepReport report;
  Stopwatch watch;
  fault_point("training.step");
  const bool poisoned = fault_point("training.loss") != 0;
  const auto number = static_cast<uint64_t>(state_.step);
  const uint64_t step_key = random_key(Stream::kStep, {settings_.seed, number});
  seed_default_generators(step_key, device_);
  const std::vector<bool> trained =
      begin({state_.step, 0, plan_.shards(), make_generator(step_key, device_), *rows_});

  const auto passes = [this, poisoned](const Batch& batch, const Step& here) {
    Loss loss = shard_loss(batch, here);
    if (poisoned) loss.sum = loss.sum * std::numeric_limits<double>::quiet_NaN();
    loss.sum.backward();
    loss.sum = loss.sum.detach();
    return loss;
  };
  Totals totals;
  for (int64_t shard = range_.first; shard < range_.end; ++shard) {
    watch.add_to(report.compute_seconds);
    const Batch batch = loader_.next();
    watch.add_to(report.data_seconds);
    const uint64_t key =
        random_key(Stream::kShard, {settings_.seed, number, static_cast<uint64_t>(shard)});
    seed_default_generators(key, device_);  // dropout
    const Step here{state_.step, shard, plan_.shards(), make_generator(key, device_), *rows_};
    if (shard + 1 == range_.end && !graphs_)
      reducer_.begin(trained);  // buckets reduce while the last backward runs
    try {
      totals.add(graphs_ ? graphs_->run(batch, here, key, trained, passes) : passes(batch, here));
    } catch (const c10::OutOfMemoryError&) {
      fail_for_memory(batch, here);
    }
  }
  watch.add_to(report.compute_seconds);
  if (graphs_) reducer_.begin(trained);
  reducer_.finish();

  double squares = 0;
  for (size_t i = 0; i < trained.size(); ++i) {
    if (!trained[i]) continue;
    const double norm = state_.groups[i]->gradients.norm(2, at::kDouble).item<double>();
    report.grad_norms[state_.groups[i]->name] = norm;
    squares += norm * norm;
  }
  totals.fetch();
  totals.bad = std::isfinite(squares) && std::isfinite(totals.loss) ? 0 : 1;
  totals.stop = stop_here() ? 1 : 0;
  totals.reduce(group_);
  watch.add_to(report.communicate_seconds);

  report.loss = totals.loss / totals.weight;
  for (const auto& term : totals.terms)
    report.terms[term.name] = term.sum.item<double>() / term.weight;
  report.stop_requested = totals.stop > 0;
  report.skipped = totals.bad > 0;
  for (size_t i = 0; i < trained.size(); ++i) {
    if (!trained[i]) continue;
    FlatGroup& group = *state_.groups[i];
    double& norm = report.grad_norms[group.name];
    norm /= totals.weight;
    const double clip = settings_.of(group.name).gradient_clip;
    if (!report.skipped)
      group.update((clip > 0 && norm > clip ? clip / norm : 1.0) / totals.weight);
    if (report.grad_norms.begin()->first == group.name)
      report.learning_rate = group.last_learning_rate;
  }
  ++state_.step;
  state_.samples += plan_.global_batch;
  skipped_in_a_row_ = report.skipped ? skipped_in_a_row_ + 1 : 0;
  watch.add_to(report.optimise_seconds);
  return report;
}

void TrainingLoop::require_progress() const {
  if (skipped_in_a_row_ > settings_.max_skipped) {
    throw Error(fmt::format(
        "{} steps in a row were not finite, up to step {} (the loss or a gradient is inf or NaN) "
        "lower training.learning_rate or look at the data",
        skipped_in_a_row_, state_.step));
  }
}

std::vector<NotFinite> TrainingLoop::examine() {
  std::vector<NotFinite> found;
  const auto add = [&](std::string what, int64_t row = -1) {
    found.push_back({std::move(what), row});
  };
  const auto number = static_cast<uint64_t>(state_.step);
  const uint64_t step_key = random_key(Stream::kStep, {settings_.seed, number});
  seed_default_generators(step_key, device_);
  begin({state_.step, 0, plan_.shards(), make_generator(step_key, device_), *rows_});
  for (int64_t shard = range_.first; shard < range_.end; ++shard) {
    const Batch batch = loader_.next();
    const uint64_t key =
        random_key(Stream::kShard, {settings_.seed, number, static_cast<uint64_t>(shard)});
    const auto loss_of = [&](const Batch& rows) {
      seed_default_generators(key, device_);
      return shard_loss(rows,
                        {state_.step, shard, plan_.shards(), make_generator(key, device_), *rows_});
    };
    const at::Tensor rows = plan_.rows_of(state_.step, shard);
    const at::Tensor whole = at::isfinite(batch.x).flatten(1).all(1);
    for (int64_t i = 0; i < rows.size(0); ++i)
      if (!whole[i].item<bool>()) add("its values", rows[i].item<int64_t>());
    const Loss loss = loss_of(batch);
    if (!loss.sum.isfinite().item<bool>()) {
      // A row alone, in every place of the shard, is at fault whatever the others are.
      for (int64_t i = 0; i < rows.size(0); ++i) {
        const at::NoGradGuard no_gradients;
        const at::Tensor only = at::full({rows.size(0)}, i, rows.options()).to(device_);
        if (whole[i].item<bool>() && !loss_of(batch.rows(only)).sum.isfinite().item<bool>())
          add("its loss", rows[i].item<int64_t>());
      }
      for (const Term& term : loss.terms)
        if (!term.sum.isfinite().item<bool>()) add("the term " + term.name);
    }
    loss.sum.backward();
  }
  for (const auto& group : state_.groups)
    for (const auto& [name, gradient] : group->views(group->gradients))
      if (!gradient.isfinite().all().item<bool>())
        add(fmt::format("the gradient of {}/{}", group->name, name));
  return found;
}

at::Tensor TrainingLoop::rows_of(int64_t number) const {
  std::vector<at::Tensor> rows;
  for (int64_t shard = 0; shard < plan_.shards(); ++shard)
    rows.push_back(plan_.rows_of(number, shard));
  return at::cat(rows);
}

std::vector<bool> TrainingLoop::begin(const Step& step) {
  const Update update = trainer_.begin_step(step);
  std::vector<bool> trained(state_.groups.size(), update.groups.empty());
  for (const auto& name : update.groups) {
    size_t i = 0;
    while (i < trained.size() && state_.groups[i]->name != name) ++i;
    TORCH_CHECK(i < trained.size(), "begin_step names group '", name,
                "', which parameters() does not have");
    trained[i] = true;
  }
  for (size_t i = 0; i < trained.size(); ++i) {
    FlatGroup& group = *state_.groups[i];
    group.set_trainable(trained[i]);
    if (!trained[i]) continue;
    group.gradients.zero_();
    if (update.restart) group.restart();
  }
  if (update.restart) state_.broadcast(group_);
  return trained;
}

void TrainingLoop::fail_for_memory(const Batch& batch, const Step& step) {
  std::vector<at::Tensor> learning;
  for (const auto& group : state_.groups)
    for (const auto& [name, tensor] : group->parameters)
      if (tensor.requires_grad()) learning.push_back(tensor);
  int64_t fits = 0;
  for (int64_t rows = plan_.micro_batch / 2; rows > 0 && fits == 0; rows /= 2) {
    if (plan_.global_batch % rows != 0) continue;
    try {  // not backward(): its hooks would reduce
      const Loss loss =
          shard_loss(batch.rows(at::arange(rows, batch.x.options().dtype(at::kLong))), step);
      torch::autograd::grad({loss.sum}, learning, {}, std::nullopt, false, /*allow_unused=*/true);
      fits = rows;
    } catch (const c10::OutOfMemoryError&) {
    }
  }
  throw ConfigError(
      fmt::format("training.micro_batch: {} rows do not fit into the memory of {} (step {}{}) {}",
                  plan_.micro_batch, device_.str(), state_.step + 1,
                  graphs_ ? "; recorded steps, runtime.cuda_graph, take more" : "",
                  fits > 0 ? fmt::format("set it to {}, which fits", fits)
                           : "no number of rows does: take a smaller network"));
}

Loss TrainingLoop::shard_loss(const Batch& batch, const Step& step) {
  const Autocast autocast(settings_.bf16, device_);
  Loss loss = trainer_.loss(batch, step);
  TORCH_CHECK(loss.sum.defined() && loss.sum.dim() == 0 && loss.weight > 0,
              "loss() must return a scalar sum and weight");
  return loss;
}

}  // namespace ornstein
