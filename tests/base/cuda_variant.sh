#!/usr/bin/env bash
# The sources of the CUDA variant, and those of no other, compile against the pinned headers of NCCL and the CUDA runtime.
# usage: cuda_variant.sh SOURCE_DIR LIBTORCH_INCLUDE_DIR MPI_INCLUDE_DIRS(;)
set -euo pipefail
source=$1 torch=$2
packages=$(dirname "$(dirname "$torch")")
nccl=$(ls -d "$packages"/nvidia/nccl/include 2>/dev/null || true)
runtime=$(dirname "$(ls "$packages"/nvidia/*/include/cuda_runtime_api.h 2>/dev/null | head -1)" 2>/dev/null || true)
if [[ -z $nccl || -z $runtime ]]; then
  echo "CANNOT RUN HERE: no nccl.h beside LibTorch: tools/setup --cuda-headers"
  exit 77
fi
includes=(-I"$source" -isystem "$torch" -isystem "$torch/torch/csrc/api/include" -isystem "$nccl" -isystem "$runtime")
for folder in ${3//;/ }; do includes+=(-isystem "$folder"); done
for file in process_group_cuda devices_cuda device_graph_cuda; do
  "${CXX:-c++}" -std=c++20 -fsyntax-only -Wall -Wextra -Wno-unused-parameter -DFMT_HEADER_ONLY -DUSE_C10D_NCCL "${includes[@]}" \
    "$source/framework/comm/$file.cpp"
done
# The choice is made in one place.
status=0
grep -rnE '^ *# *(if|ifdef|ifndef|elif).*(CUDA|NCCL|GPU)' --include=*.h --include=*.cpp "$source"/{framework,trainers,datasets,launch,tests,tools} || status=$?
[[ $status == 1 ]] || { echo "preprocessor conditions about CUDA, or folders that are not there"; exit 1; }
