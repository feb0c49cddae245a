// FunctionDiffusionTrainer::evaluate.
#include "framework/base/errors.h"
#include "framework/data/grids.h"
#include "framework/evaluation/energy_distance.h"
#include "trainers/function_diffusion/curve_errors.h"
#include "trainers/function_diffusion/energy_spectrum.h"
#include "trainers/function_diffusion/function_diffusion_trainer.h"
#include "trainers/function_diffusion/sampling_grid.h"

namespace ornstein::function_diffusion {
namespace {

constexpr int64_t kLossRows = 4096;       // of the held-out loss: its error is below a percent
constexpr int64_t kReferenceRows = 2048;  // that samples are compared with

// Of the first held-out rows those on the grid that most of them have.
Batch reference_rows(const Batch& held_out) {
  const std::vector<Batch> parts = split_by_grid(held_out);
  const auto most =
      std::max_element(parts.begin(), parts.end(),
                       [](const Batch& a, const Batch& b) { return a.x.size(0) < b.x.size(0); });
  if (most->x.size(0) < 2)
    throw DataError(
        "one held-out row on each grid (statistics over rows need two) give more by --data, or a "
        "larger dataset.validation_fraction");
  return *most;
}

}  // namespace

std::vector<Figure> FunctionDiffusionTrainer::evaluate(const EvaluationRequest& request,
                                                       const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  const int64_t total = request.held_out.spec().rows;
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        return row_losses(rows_of(request.held_out, first, count), 0, count, generator);
      });
  std::vector<Figure> figures{
      mean_figure(flow_ ? "flow_matching_loss" : "denoising_loss", losses, "")};

  const Batch data = reference_rows(rows_of(request.held_out, 0, std::min(total, kReferenceRows)));
  const int64_t count = request.samples > 0 ? request.samples : evaluation_samples_;
  const auto numbers = [&](int64_t first, int64_t block) {
    return at::arange(first, first + block, data.x.options().dtype(at::kLong));
  };
  const auto samples_on = [&](const at::Tensor& coordinates) {
    return rows.collect(count, [&](int64_t first, int64_t block, at::Generator& generator) {
      SampleRequest wanted{first, block, 0, {}};
      wanted.given.coordinates = coordinates;
      if (spec_.condition > 0)
        wanted.given.condition =
            data.condition.index_select(0, numbers(first, block).remainder(data.x.size(0)));
      return sample(wanted, generator).x;
    });
  };
  const auto space = space_on(data.coordinates);
  const Grid& grid = space->grid();
  const at::Tensor samples = samples_on(data.coordinates);
  for (Figure& figure : curve_errors(samples, data.x, grid)) figures.push_back(figure);

  // Channels count alike from here on.
  const at::Tensor u = standardise(moments_, samples);
  const std::vector<int64_t> band = resolved_band(grid, spec_.spacing);
  figures.push_back(spectrum_error(u, standardise(moments_, data.x), grid, band));

  const at::Tensor coordinates = refined(grid);
  const at::Tensor finer = standardise(moments_, samples_on(coordinates));
  figures.push_back(energy_outside(finer, space_on(coordinates)->grid(), band));
  const at::Tensor root = space->shares().sqrt();  // |.| is that of L2(D)
  const TwoSampleTest test = energy_test(u * root, every_second(finer) * root);
  figures.push_back({"refinement_distance", test.distance, 0, "std"});
  figures.push_back({"refinement_p_value", test.p_value, 0, ""});

  if (nll_rows_ > 0) {
    const at::Tensor nlls =
        rows.collect(std::min(nll_rows_, data.x.size(0)),
                     [&](int64_t first, int64_t block, at::Generator& generator) {
                       return nll(data.rows(numbers(first, block)), generator);
                     });
    figures.push_back(mean_figure("nll", nlls, "nats"));
  }
  return figures;
}

}  // namespace ornstein::function_diffusion
