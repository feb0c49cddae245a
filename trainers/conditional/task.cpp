#include "trainers/conditional/task.h"

namespace ornstein::conditional {
namespace {

int64_t hole_side(double fraction, int64_t side) {
  return std::llround(fraction * static_cast<double>(side));
}

}  // namespace

at::Tensor Task::spread(const at::Tensor& numbers) const {
  return numbers.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
}

at::Tensor Task::seen(const at::Tensor& x, const at::Tensor& mask) const {
  if (kind == TaskKind::labels) return x.narrow(1, 0, 0);
  if (kind == TaskKind::inpainting) return x * mask;
  at::Tensor y = x.clone();
  frame.cut(y).copy_(spread(at::avg_pool2d(frame.cut(x), {factor, factor})));
  return y;
}

at::Tensor Task::draw_mask(const at::Tensor& x, at::Generator& generator) const {
  const auto options = x.options();
  const int64_t rows = x.size(0), height = frame.height, width = frame.width;
  at::Tensor hidden;  // [rows, 1, height, width]
  if (hole == Hole::pixels) {
    hidden = at::rand({rows, 1, height, width}, generator, options) < fraction;
  } else {
    const auto covered = [&](int64_t side) {  // [rows, side]: a run of hole_side, centred or not
      const int64_t length = hole_side(fraction, side);
      const auto whole = options.dtype(at::kLong);
      const at::Tensor first = hole == Hole::centre
                                   ? at::full({rows, 1}, (side - length) / 2, whole)
                                   : at::randint(0, side - length + 1, {rows, 1}, generator, whole);
      const at::Tensor index = at::arange(side, whole).unsqueeze(0);
      return (index >= first).logical_and(index < first + length);
    };
    const at::Tensor lines = covered(height), columns = covered(width);
    hidden = lines.view({rows, 1, height, 1}).logical_and(columns.view({rows, 1, 1, width}));
  }
  ImageFrame visible = frame;
  visible.background = 1;
  return visible.pad(hidden.logical_not().to(x.scalar_type()));
}

Observation Task::observe(const at::Tensor& x, at::Generator& generator) const {
  Observation observation;
  if (kind == TaskKind::inpainting) observation.mask = draw_mask(x, generator);
  observation.y = seen(x, observation.mask);
  if (kind == TaskKind::labels) return observation;
  const bool inpainting = kind == TaskKind::inpainting;
  observation.share = at::zeros({inpainting ? x.size(0) : 1, 1, x.size(2), x.size(3)}, x.options());
  at::Tensor inside = frame.cut(observation.share);
  if (inpainting) {
    inside.copy_(frame.cut(observation.mask));
  } else {
    inside.fill_(1.0 / static_cast<double>(factor * factor));
  }
  return observation;
}

at::Tensor Task::noise(const Observation& observation, at::Generator& generator) const {
  at::Tensor noise = at::zeros_like(observation.y);
  if (kind == TaskKind::labels) return noise;
  at::Tensor inside = frame.cut(noise);
  std::vector<int64_t> sizes = inside.sizes().vec();
  if (kind == TaskKind::super_resolution) {
    sizes[2] /= factor, sizes[3] /= factor;
    inside.copy_(spread(at::randn(sizes, generator, noise.options())));
  } else {
    inside.copy_(at::randn(sizes, generator, noise.options()) * frame.cut(observation.mask));
  }
  return noise;
}

at::Tensor Task::squared_residual(const at::Tensor& x, const Observation& observation) const {
  const at::Tensor square = (seen(x, observation.mask) - observation.y).square();
  const at::Tensor numbers = x.size(1) * observation.share.flatten(1).sum(1);
  return (square * observation.share).flatten(1).sum(1) / numbers.clamp_min(1);
}

Task read_task(const ConfigReader& trainer, const DataSpec& spec) {
  Task task;
  const int64_t height = spec.shape[1], width = spec.shape[2];
  const std::string kind =
      trainer.choice("task", "super_resolution", {"super_resolution", "inpainting", "labels"});
  task.kind = kind == "super_resolution" ? TaskKind::super_resolution
              : kind == "inpainting"     ? TaskKind::inpainting
                                         : TaskKind::labels;
  task.frame = {height, width, 1, trainer.number("background", -1)};

  if (task.kind == TaskKind::super_resolution) {
    task.factor = trainer.integer("factor", 4, 2);
    if (height % task.factor || width % task.factor) {
      trainer.fail("factor", fmt::format("{} does not divide images of {}x{} pixels (a number of y "
                                         "is the mean of {}x{} of them) choose a common divisor",
                                         task.factor, height, width, task.factor, task.factor));
    }
  }
  if (task.kind == TaskKind::inpainting) {
    const std::string hole = trainer.choice("hole", "centre", {"centre", "rectangle", "pixels"});
    task.hole = hole == "centre"      ? Hole::centre
                : hole == "rectangle" ? Hole::rectangle
                                      : Hole::pixels;
    task.fraction = trainer.number("fraction", 0.5, 0, 1);
    const auto proper = [&](int64_t side) {
      const int64_t length = hole_side(task.fraction, side);
      return 0 < length && length < side;
    };
    const bool some = task.hole == Hole::pixels ? 0 < task.fraction && task.fraction < 1
                                                : proper(height) && proper(width);
    if (!some) {
      trainer.fail("fraction", fmt::format("{} of {}x{} pixels hides nothing or all (there is "
                                           "nothing to learn) choose another between 0 and 1",
                                           task.fraction, height, width));
    }
  }
  if (task.kind == TaskKind::labels && spec.classes == 0)
    trainer.fail("task", "the data have no labels (they are the condition) choose another task");
  return task;
}

}  // namespace ornstein::conditional
