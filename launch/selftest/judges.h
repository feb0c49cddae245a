// How the self-test sees whether a promise was kept. Each of these waits for the end of what a
// fault disturbed, looks at exit code, words and files, and goes on with the run to the bytes of
// the undisturbed one. They throw Broken, or CameTooLate where the run was over before the fault.
#pragma once

#include <string>

#include "launch/selftest/faults.h"

namespace ornstein {

void stopped(Trial& trial);        // exit 75 with a checkpoint
void ended_at_once(Trial& trial);  // exit 1, soon
void killed(Trial& trial);         // any end but a good one; checkpoints before `moment` are whole
void killed_at_a_step(Trial& trial);
ChaosAct failed_with(const std::string& words);  // exit 1 and a line with these words
void went_on_without_removing(Trial& trial);     // a line, and exit 0
void set_aside(Trial& trial);                    // as *.damaged; it went on from the one before
void kept_unread(Trial& trial);                  // exit 1, and the file left where it is
void refused_three_times(Trial& trial);          // exit 1 at each of three starts
void named(Trial& trial);                        // the right rank, exit 86, all gone in time
void threw(Trial& trial);                        // its words and exit 1, all gone in time
void skipped_alike(Trial& trial);  // `moment` is left out and noted, the same on whatever rank

}  // namespace ornstein
