#include "datasets/functions/function_samples.h"

#include "datasets/functions/curves.h"
#include "datasets/functions/field_mosaic.h"
#include "framework/data/png_file.h"

namespace ornstein::functions {

void write_functions(const Batch& samples, const DataSpec& spec, Hdf5File& file) {
  TORCH_CHECK(samples.coordinates.defined() && samples.coordinates.dim() == samples.x.dim() - 1,
              "functions to write in one file must share their coordinates");
  file.write("/values", samples.x.detach().to(at::kCPU, at::kFloat));
  file.write("/coordinates", samples.coordinates.cpu());
  if (samples.condition.defined()) file.write("/condition", samples.condition.cpu());
  if (!spec.period.empty()) file.write_attribute("/", "period", spec.period);
}

void draw_functions(const Batch& samples, const DataSpec& spec, const std::string& png) {
  const at::Tensor x = samples.x.detach().to(at::kCPU, at::kFloat);
  TORCH_CHECK((x.dim() == 3 || x.dim() == 4) && x.numel() > 0 && samples.coordinates.defined() &&
                  samples.coordinates.dim() == x.dim() - 1,
              "functions to draw are [N, C, n] or [N, C, n, m] at shared coordinates");
  if (x.dim() == 4) return write_png(png, field_mosaic(x));
  write_png(png, curves(x, samples.coordinates.select(1, 0).to(at::kCPU, at::kFloat)));
}

}  // namespace ornstein::functions
