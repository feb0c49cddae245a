// RiemannianTrainer::evaluate.
#include "framework/base/errors.h"
#include "framework/evaluation/point_figures.h"
#include "framework/spaces/random_walk.h"
#include "trainers/riemannian/likelihood.h"
#include "trainers/riemannian/riemannian_trainer.h"

namespace ornstein::riemannian {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out loss: its error is a few percent

// Midpoints of a grid of equal areas, `latitudes` rows of twice as many: [first, first + rows) of
// them, [rows, 3].
at::Tensor sphere_grid(int64_t latitudes, int64_t first, int64_t rows) {
  const at::Tensor index = at::arange(first, first + rows, at::kLong);
  const at::Tensor i = at::floor_divide(index, 2 * latitudes).to(at::kDouble);
  const at::Tensor j = index.remainder(2 * latitudes).to(at::kDouble);
  const at::Tensor height = (2 * i + 1) / static_cast<double>(latitudes) - 1;
  const at::Tensor angle = (2 * j + 1) * (std::numbers::pi / static_cast<double>(2 * latitudes));
  const at::Tensor radius = (1 - height.square()).sqrt();
  return at::stack({radius * angle.cos(), radius * angle.sin(), height}, 1);
}

at::Tensor exact_rows(const Dataset& data, int64_t first, int64_t rows) {
  return rows_of(data, first, rows).x.to(at::kDouble);
}

}  // namespace

at::Tensor RiemannianTrainer::log_density(const at::Tensor& x, at::Generator& generator) const {
  DivergenceKind divergence{DivergenceKind::Kind::exact, {}};
  if (hutchinson_)
    divergence = {DivergenceKind::Kind::hutchinson, random_signs(space_, x, generator)};
  return flow_log_density(space_, flow(divergence), x, tolerance_);
}

std::vector<Figure> RiemannianTrainer::evaluate(const EvaluationRequest& request,
                                                const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  network_.network().module->eval();
  const int64_t total = request.held_out.spec().rows;
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        return row_losses(exact_rows(request.held_out, first, count), 0, count, generator).detach();
      });
  std::vector<Figure> figures{mean_figure("loss", losses, "per dimension")};
  add_likelihoods(request, rows, figures);
  const at::Tensor samples =
      rows.collect(request.samples > 0 ? request.samples : evaluation_samples_,
                   [&](int64_t first, int64_t count, at::Generator& generator) {
                     return sample({first, count, 0, {}}, generator).x.to(at::kDouble);
                   });
  if (!samples.isfinite().all().item<bool>())
    throw Error(
        fmt::format("samples are not finite (the {} steps of their walk are too long for this "
                    "space, or training diverged) raise trainer.steps by --set",
                    steps_));
  const at::Tensor train =
      request.train ? exact_rows(*request.train, 0, request.train->spec().rows) : at::Tensor();
  for (Figure& figure :
       point_figures(space_, samples, exact_rows(request.held_out, 0, total), train))
    figures.push_back(figure);
  if (normalisation_latitudes_ > 0) figures.push_back(normalisation(rows));
  return figures;
}

void RiemannianTrainer::add_likelihoods(const EvaluationRequest& request, const ParallelRows& rows,
                                        std::vector<Figure>& figures) const {
  const int64_t total = request.held_out.spec().rows;
  const int64_t count = nll_rows_ == 0 ? total : std::min(total, nll_rows_);
  const auto over_rows = [&](const auto& log_density) {
    return rows.collect(count, [&](int64_t first, int64_t block, at::Generator& generator) {
      return -log_density(exact_rows(request.held_out, first, block), generator);
    });
  };
  figures.push_back(mean_figure("nll",
                                over_rows([&](const at::Tensor& x, at::Generator& generator) {
                                  return log_density(x, generator);
                                }),
                                "nats"));
  if (bound_times_ > 0)
    figures.push_back(mean_figure(
        "nll_bound", over_rows([&](const at::Tensor& x, at::Generator& generator) {
          return bound_in_continuous_time(process_, score(), x, bound_times_, generator);
        }),
        "nats"));
  if (bound_paths_ > 0)
    figures.push_back(mean_figure(
        "nll_importance", over_rows([&](const at::Tensor& x, at::Generator& generator) {
          const at::Tensor weights = walk_log_weight(
              process_, score(), x.repeat_interleave(bound_paths_, 0), steps_, generator);
          return at::logsumexp(weights.view({x.size(0), bound_paths_}), 1) -
                 std::log(static_cast<double>(bound_paths_));
        }),
        "nats"));
}

Figure RiemannianTrainer::normalisation(const ParallelRows& rows) const {
  const int64_t cells = 2 * normalisation_latitudes_ * normalisation_latitudes_;
  const at::Tensor density =
      rows.collect(cells, [&](int64_t first, int64_t count, at::Generator& generator) {
        const at::Tensor grid = sphere_grid(normalisation_latitudes_, first, count);
        return log_density(grid.to(generator.device()), generator).exp();
      });
  const double mean = density.mean().item<double>();
  return {"normalisation", mean * std::exp(space_.log_volume()), 0, ""};
}

}  // namespace ornstein::riemannian
