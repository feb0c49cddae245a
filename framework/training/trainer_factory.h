#pragma once

#include <memory>

#include "framework/config/config_reader.h"
#include "framework/config/factory.h"
#include "framework/training/trainer.h"

namespace ornstein {

// A maker reads the sections it owns (`trainer`, `network`, more networks) from the root and draws
// its parameters from LibTorch's default generator, which the caller has seeded. Trainers are made
// on the CPU.
using TrainerFactory = Factory<std::unique_ptr<Trainer>, const ConfigReader&, const DataSpec&>;

}  // namespace ornstein
