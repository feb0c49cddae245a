// bf16 autocast while it lives, if `on`; its cache of cast weights ends with it, since the
// optimiser changes the weights.
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

namespace ornstein {

class Autocast {
 public:
  Autocast(bool on, const at::Device& device) : type_(device.type()), on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!on_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, false);
  }
  Autocast(const Autocast&) = delete;

 private:
  at::DeviceType type_;
  bool on_;
};

}  // namespace ornstein
