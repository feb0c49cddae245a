// How the self-test brings faults about. Each of these starts a trial's run, or lays one in place,
// and disturbs it at a moment that it draws; `rank` and `moment` of the trial say which.
#pragma once

#include <functional>
#include <string>

#include "launch/selftest/trial.h"

namespace ornstein {

using ChaosAct = std::function<void(Trial&)>;

// Signals, at some moment of training.
ChaosAct to_launcher(int number);
ChaosAct to_a_rank(int number);
void kill_all(Trial& trial);        // KILL to the launcher and all ranks, as if the node died
void stop_by_signal(Trial& trial);  // STOP to a rank, in a run whose ranks are watched closely
// Two USR1 while rank 0 sleeps in the writing of a checkpoint, so that the first one has to wait.
void twice_to_launcher(Trial& trial);
void twice_to_a_rank(Trial& trial);

// ACTION@POINT of ORNSTEIN_FAULT on some rank, at a point that each step passes (`moment`: which).
ChaosAct in_a_step(const std::string& action, const std::string& point);
// The same in a run whose ranks are watched closely (runtime.collective_timeout).
ChaosAct watched(const std::string& action, const std::string& point);
// The same at a point of the writing of a checkpoint: the first one at least.
ChaosAct in_a_checkpoint(const std::string& action, const std::string& point, int64_t least);
void fail_to_remove(Trial& trial);  // EIO where an old checkpoint is removed
// Non-finite losses in more steps in a row than training.max_skipped, none of them one that writes
// a checkpoint.
void poison_many_steps(Trial& trial);

// Damage to the newest `count` checkpoints of a finished run.
using Damage = void (*)(Trial& trial, const std::string& file);
void flip_a_bit(Trial& trial, const std::string& file);
void truncate(Trial& trial, const std::string& file);
void make_empty(Trial& trial, const std::string& file);
ChaosAct to_newest(Damage damage, size_t count = 1);
void fail_to_read(Trial& trial);  // EIO while the newest is verified

}  // namespace ornstein
