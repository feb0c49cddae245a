#!/usr/bin/env bash
# Every C++ file is as clang-format would have it.
find framework trainers datasets launch tests \( -name '*.h' -o -name '*.cpp' \) -print0 |
  xargs -0 "$1" --dry-run -Werror
