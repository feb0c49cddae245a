#include "trainers/first_hitting/first_hitting_trainer.h"

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "framework/evaluation/binary_figures.h"
#include "framework/evaluation/graph_figures.h"
#include "framework/evaluation/graph_statistics.h"
#include "framework/evaluation/point_figures.h"
#include "trainers/first_hitting/ball.h"
#include "trainers/first_hitting/cube.h"
#include "trainers/first_hitting/fixed_time.h"
#include "trainers/first_hitting/poisson_law.h"

namespace ornstein::first_hitting {
namespace {

constexpr int64_t kMostGraphs = 512;  // whose orbits are counted
constexpr int64_t kMostSteps = 100000;

std::shared_ptr<const Domain> read_domain(const ConfigReader& trainer, const DataSpec& spec,
                                          bool* euler) {
  const int64_t d = c10::multiply_integers(spec.shape);
  if (spec.space == "binary") {
    const int64_t cells = trainer.integer("cells", 16, 2, kFinestCells);
    if ((cells & (cells - 1)) != 0)
      trainer.fail("cells", fmt::format("is {} (lattices are halved) give a power of two", cells));
    return std::make_shared<Cube>(d, cells / 2);
  }
  const double resolution = trainer.number("resolution", 0.002, 1e-5, 0.5);
  const int64_t steps = trainer.integer("steps", 200, 1, kMostSteps);
  if (spec.space != "sphere") return std::make_shared<FixedTime>(d, resolution, steps);
  if (d > kMostCoordinates)
    trainer.fail("name", fmt::format("is first_hitting, and rows have {} coordinates (draws of its "
                                     "bridges take about 1.5^coordinates tries: {} are the most) "
                                     "choose riemannian",
                                     d, kMostCoordinates));
  *euler = trainer.choice("sampler", "spheres", {"spheres", "euler"}) == "euler";
  return std::make_shared<Ball>(d, resolution, steps, *euler);
}

}  // namespace

FirstHittingTrainer::FirstHittingTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec),
      clouds_(spec.kind == "point_clouds"),
      flat_(clouds_ || spec.space.empty() || spec.space == "euclidean") {
  const bool points = spec.kind == "points" && (flat_ || spec.space == "sphere" || binary());
  if (!clouds_ && !points) {
    throw ConfigError(
        fmt::format("trainer.name: first_hitting cannot learn {}{}{} (it knows points of spheres, "
                    "binary and euclidean ones, and point clouds) choose another trainer",
                    spec.space, spec.space.empty() ? "" : " ", spec.kind));
  }
  const ConfigReader trainer = root.section("trainer");
  bool euler = false;
  domain_ = read_domain(trainer, spec, &euler);
  weighs_paths_ = !euler;
  nll_rows_ = trainer.integer("nll_rows", 0, 0);
  bound_draws_ = trainer.integer("bound_draws", 64, 1);
  importance_rows_ = trainer.integer("importance_rows", 0, 0);
  importance_paths_ = trainer.integer("importance_paths", 16, 1);
  evaluation_samples_ = trainer.integer("evaluation_samples", 1024, 2);
  if (binary()) graphs_ = trainer.flag("graphs", false);
  if (graphs_ && nodes_of_upper_triangle(spec.shape[0]) == 0)
    trainer.fail("graphs", fmt::format("is true, and rows have {} numbers (a graph of n nodes has "
                                       "n (n - 1)/2) leave it out",
                                       spec.shape[0]));
  const int64_t axes = spec.shape.back();
  network_ =
      make_network(root.section("network"), {.input = spec.shape, .outputs = axes, .set = clouds_});
  if (flat_) moments_ = {at::zeros({axes}, at::kDouble), at::ones({axes}, at::kDouble)};
}

std::vector<ParameterGroup> FirstHittingTrainer::parameters() {
  return {{"network", parameters_of(network_)}};
}

std::vector<NamedTensor> FirstHittingTrainer::state() {
  if (!flat_) return {};
  return {{"mean", moments_.mean}, {"std", moments_.std}};
}

void FirstHittingTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  if (!flat_) return;
  const at::Tensor sums =
      rows.sum(train.spec().rows, [&](int64_t first, int64_t count, at::Generator&) {
        const Batch batch = rows_of(train, first, count);
        if (batch.mask.defined() && !batch.mask.all().item<bool>())
          throw DataError(
              "point clouds of different sizes (first_hitting takes clouds of equally many points) "
              "set dataset.points to the smallest cloud's number, or choose another trainer");
        return power_sums(clouds_ ? batch.x.transpose(1, 2) : batch.x);
      });
  const Moments measured = moments_from(sums);
  moments_.mean.copy_(measured.mean);
  moments_.std.copy_(measured.std);
}

Loss FirstHittingTrainer::loss(const Batch& batch, const Step& step) {
  network_.module->train();
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const at::Tensor x = inward(batch.x);
  const at::Tensor u = stratified_uniforms(step.shard * rows, rows, step.shards * rows, generator);
  const Bridges bridges = domain_->blended(domain_->bridges(x, u, generator), x);
  const auto weight = static_cast<double>(rows);
  const at::Tensor bounds = costs(bridges, rows) - domain_->log_base(x);
  return {bounds.sum() - weight * log_det(batch.x), weight, {}};
}

at::Tensor FirstHittingTrainer::output(const at::Tensor& z) const {
  const Seen seen = domain_->seen(z);
  const at::Tensor input = seen.input.to(at::kFloat);
  return network_
      .call(clouds_ ? input.unflatten(1, spec_.shape) : input, seen.time.to(at::kFloat), {})
      .flatten(1)
      .to(at::kDouble);
}

at::Tensor FirstHittingTrainer::drift(const at::Tensor& z) const {
  return domain_->drift(output(z), z);
}

at::Tensor FirstHittingTrainer::costs(const Bridges& bridges, int64_t rows) const {
  return domain_->cost(output(bridges.z), bridges).view({-1, rows}).mean(0);
}

at::Tensor FirstHittingTrainer::bounds(const at::Tensor& x, int64_t draws,
                                       at::Generator& generator) const {
  const int64_t rows = x.size(0);
  const at::Tensor inside = inward(x), ends = inside.repeat({draws, 1});
  const at::Tensor stratum = at::arange(draws, ends.options()).repeat_interleave(rows);
  const at::Tensor u =
      (stratum + at::rand({draws * rows}, generator, ends.options())) / static_cast<double>(draws);
  const at::Tensor bound =
      costs(domain_->bridges(ends, u, generator), rows) - domain_->log_base(inside);
  return bound - log_det(x);
}

at::Tensor FirstHittingTrainer::log_det(const at::Tensor& x) const {
  if (!flat_) return at::zeros({}, at::kDouble);
  return standardise_log_det(moments_, clouds_ ? x.transpose(1, 2) : x);
}

at::Tensor FirstHittingTrainer::inward(const at::Tensor& x) const {
  const at::Tensor exact = x.to(at::kDouble);
  if (!flat_) return exact;
  if (!clouds_) return standardise(moments_, exact);
  return standardise(moments_, exact.transpose(1, 2)).transpose(1, 2).flatten(1);
}

at::Tensor FirstHittingTrainer::outward(const at::Tensor& z) const {
  if (!flat_) return z;
  if (!clouds_) return unstandardise(moments_, z);
  return unstandardise(moments_, z.unflatten(1, spec_.shape).transpose(1, 2)).transpose(1, 2);
}

Arrivals FirstHittingTrainer::walks(int64_t rows, int64_t steps, at::Generator& generator) const {
  const auto domain = steps > 0 ? domain_->with_steps(std::min(steps, kMostSteps)) : domain_;
  Arrivals arrivals = walk(
      *domain, [this](const at::Tensor& z) { return output(z); }, rows, {}, generator);
  arrivals.z = domain->hit(arrivals.z, generator);
  return arrivals;
}

Batch FirstHittingTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  return {outward(walks(request.rows, request.steps, generator).z).to(at::kFloat).contiguous()};
}

std::vector<Figure> FirstHittingTrainer::evaluate(const EvaluationRequest& request,
                                                  const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  const int64_t held_out = request.held_out.spec().rows;
  const int64_t total = nll_rows_ == 0 ? held_out : std::min(held_out, nll_rows_);
  const at::Tensor bound =
      rows.collect(total, [&](int64_t first, int64_t count, at::Generator& generator) {
        return bounds(rows_of(request.held_out, first, count).x, bound_draws_, generator);
      });
  std::vector<Figure> figures{mean_figure("nll_bound", bound, "nats")};
  if (weighs_paths_) {
    const at::Tensor weighted =
        rows.collect(importance_rows_ == 0 ? total : std::min(total, importance_rows_),
                     [&](int64_t first, int64_t count, at::Generator& generator) {
                       const at::Tensor x = rows_of(request.held_out, first, count).x;
                       const at::Tensor log_density = importance_log_density(
                           *domain_, [this](const at::Tensor& z) { return output(z); }, inward(x),
                           importance_paths_, generator);
                       return -log_density - log_det(x);
                     });
    figures.push_back(mean_figure("nll_importance", weighted, "nats"));
  }
  const int64_t samples = request.samples > 0 ? request.samples : evaluation_samples_;
  const at::Tensor drawn = rows.collect(samples, [&](int64_t, int64_t count, at::Generator& g) {
    const Arrivals arrivals = walks(count, 0, g);
    return at::cat({arrivals.z, arrivals.steps.to(at::kDouble).unsqueeze(1)}, 1);
  });
  const at::Tensor steps = drawn.select(1, -1);
  figures.push_back(mean_figure("steps_per_sample", steps, "steps"));
  figures.push_back({"steps_longest", steps.max().item<double>(), 0, "steps"});
  if (!clouds_) add_sample_figures(request, outward(drawn.slice(1, 0, -1)), figures);
  return figures;
}

void FirstHittingTrainer::add_sample_figures(const EvaluationRequest& request,
                                             const at::Tensor& samples,
                                             std::vector<Figure>& figures) const {
  const auto all_of = [&](const Dataset& data) {
    return rows_of(data, 0, data.spec().rows).x.to(at::kDouble);
  };
  const at::Tensor held_out = all_of(request.held_out);
  const at::Tensor train = request.train ? all_of(*request.train) : at::Tensor();
  const auto add = [&](const std::vector<Figure>& more) {
    figures.insert(figures.end(), more.begin(), more.end());
  };
  if (!binary())
    return add(point_figures(make_space(spec_.space, spec_.shape[0]), samples, held_out, train));
  add(binary_figures(samples, held_out, train));
  if (!graphs_) return;
  const auto graphs = [](const at::Tensor& rows) { return rows.slice(0, 0, kMostGraphs); };
  add(graph_figures(graphs(samples), graphs(held_out)));
  if (!train.defined()) return;
  for (Figure figure : graph_figures(graphs(train), graphs(held_out)))
    figures.push_back({figure.name + "_of_train", figure.value, 0, figure.unit});
}

void register_with(TrainerFactory& factory) {
  factory.add("first_hitting",
              "Brownian motion with a learnt drift, for spheres, binary rows, points and clouds",
              "Ye, Wu and Liu 2022, First Hitting Diffusion Models",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<FirstHittingTrainer>(root, spec);
              });
}

}  // namespace ornstein::first_hitting
