// Requests to stop: USR1, TERM and INT set a flag; a second one, a second or more later, ends the
// process at once with exit code 1.
#pragma once

namespace ornstein {

void install_signal_handlers();  // first thing in main, before MPI_Init
bool stop_requested();
void restore_signal_handlers();  // for commands that have nothing to save

}  // namespace ornstein
