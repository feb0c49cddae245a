#!/bin/bash
# mpirun for runs that nobody watches:  launch/run-mpirun.sh [MPIRUN-OPTIONS] ornstein train CONFIG.json ...
# Start it on a host that runs ranks itself. Two things differ from mpirun:
# - The first USR1, TERM, INT (Ctrl-C) or HUP asks the ranks to save and stop: exit code 75. TERM to mpirun itself leaves
#   them one second. A second TERM or INT goes to mpirun as TERM.
# - Ranks that found another one silent leave with 86, but over a link that is cut for good mpirun waits for the other side
#   for ever. Once this host's ranks have been gone for 10 s mpirun gets TERM, 10 s later KILL, and the exit code is 86:
#   start again with --resume. What still runs beyond the cut link cannot be reached from here.
# Else the exit code is mpirun's.
{ # bash reads a file as it goes: a group is read whole, and the file may change under a run of days
  set -u
  patience=10 # s

  say() { echo "run-mpirun.sh: $*" >&2; }
  [ $# -gt 0 ] || {
    say "no arguments (nothing to start) use: run-mpirun.sh [MPIRUN-OPTIONS] ornstein train CONFIG.json"
    exit 2
  }
  command -v mpirun >/dev/null || {
    say "mpirun: no such program (it is not on PATH) load the cluster's Open MPI module"
    exit 2
  }

  asked=0
  on_signal() {
    local pass=USR1
    if [ $asked = 1 ]; then
      [ "$1" != USR1 ] || return 0 # ranks that are saving already would be stopped
      pass=TERM
    fi
    asked=1
    say "$1: passed on to mpirun as $pass"
    [ -z "${!:-}" ] || kill -$pass "$!" 2>/dev/null
  }
  for name in USR1 TERM INT HUP; do trap "on_signal $name" "$name"; done
  # In a session of its own: else a terminal's Ctrl-C would reach mpirun too.
  setsid mpirun "$@" &

  children() { ps -o pid= --ppid "$!" 2>/dev/null; }
  ranks_here() { # launch agents (ssh, srun) are children as well, but are given no rank
    local child
    for child in $(children); do grep -qz '^OMPI_COMM_WORLD_RANK=' "/proc/$child/environ" 2>/dev/null && return 0; done
    return 1
  }
  seen=0 gone_since=$SECONDS ended_at=''
  while kill -0 "$!" 2>/dev/null; do
    sleep 1
    if [ -n "$ended_at" ]; then
      [ $((SECONDS - ended_at)) -lt $patience ] || kill -KILL $(children) "$!" 2>/dev/null
    elif ranks_here; then
      seen=1 gone_since=$SECONDS
    elif [ $seen = 1 ] && [ $((SECONDS - gone_since)) -ge $patience ] && kill -0 "$!" 2>/dev/null; then
      say "the ranks of this host have been gone for $patience s and mpirun still waits (a host cannot be reached): it is ended"
      ended_at=$SECONDS
      kill -TERM "$!"
    fi
  done
  wait "$!" 2>/dev/null
  code=$?
  [ -z "$ended_at" ] || code=86
  exit $code
}
