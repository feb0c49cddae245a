#include "framework/training/trainer.h"

#include "framework/base/errors.h"

namespace ornstein {

at::Tensor labels_of(const SampleRequest& request, int64_t classes, const at::Device& device) {
  const auto options = at::device(device).dtype(at::kLong);
  if (request.given.labels.defined()) return request.given.labels.to(options);
  if (request.given.x.defined()) {
    throw ConfigError(
        "what is given has no labels (the run is conditioned on classes) give data with labels, or "
        "nothing for the classes in turn");
  }
  return at::arange(request.first, request.first + request.rows, options).remainder(classes);
}

}  // namespace ornstein
