# Finds LibTorch without asking it: a CUDA wheel's own TorchConfig.cmake wants a CUDA toolkit at configure time, the CPU
# needs none. LIBTORCH_ROOT may be a pip site-packages/torch, an unpacked libtorch zip, or a conda environment; without it
# the wheel that tools/setup put under .deps/ is taken. Defines the imported target LibTorch::cpu and LibTorch_VERSION.
#
# ORNSTEIN_CUDA adds LibTorch::cuda and sets ORNSTEIN_WITH_CUDA: ON wants it, AUTO takes it where all of it is there, OFF does
# not look. All of it: libtorch_cuda and libc10_cuda, cuda_runtime_api.h, and nccl.h of the very NCCL that this LibTorch was
# built with (the wheels nvidia-cuda-runtime and nvidia-nccl beside it, or the paths below): another one compiles and links, and
# corrupts the heap, since its structures have other sizes. No toolkit is needed.
set(LIBTORCH_ROOT "" CACHE PATH "LibTorch: site-packages/torch of a wheel, an unpacked zip, or a conda prefix")
file(GLOB _libtorch_deps "${PROJECT_SOURCE_DIR}/.deps/libtorch-*/lib/python3*/site-packages/torch")
file(GLOB _libtorch_conda "${LIBTORCH_ROOT}/lib/python3*/site-packages/torch")
set(_libtorch_roots ${LIBTORCH_ROOT} ${_libtorch_conda} ${_libtorch_deps})

find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS ${_libtorch_roots} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS ${_libtorch_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS ${_libtorch_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
set(LibTorch_VERSION "")
foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)  # since 2.9, before
  if(NOT LibTorch_VERSION AND EXISTS "${LibTorch_INCLUDE_DIR}/${_header}")
    file(STRINGS "${LibTorch_INCLUDE_DIR}/${_header}" _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]*([0-9]+)[^;]*" "\\1" LibTorch_VERSION "${_lines}")
    string(REPLACE ";" "." LibTorch_VERSION "${LibTorch_VERSION}")
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run tools/setup, or pass -DLIBTORCH_ROOT=<site-packages/torch, libtorch zip or conda prefix>")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES IMPORTED_LOCATION "${LibTorch_C10_LIBRARY}")
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}")
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  # A CUDA wheel's libtorch_cpu names symbols of CUDA libraries that are only there where CUDA is.
  target_link_options(LibTorch::cpu INTERFACE LINKER:--allow-shlib-undefined)
  target_link_libraries(LibTorch::cpu INTERFACE LibTorch::c10)
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)

set(ORNSTEIN_CUDA AUTO CACHE STRING "Serve CUDA devices: AUTO, ON or OFF")
set_property(CACHE ORNSTEIN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(ORNSTEIN_NCCL_VERSION "" CACHE STRING "The NCCL that LibTorch was built with, where its metadata do not say so (2.30.7)")
set(ORNSTEIN_WITH_CUDA OFF)
if(LibTorch_FOUND AND NOT ORNSTEIN_CUDA STREQUAL "OFF")
  get_filename_component(_libtorch_packages "${LibTorch_INCLUDE_DIR}/../.." ABSOLUTE)
  file(GLOB _cuda_includes "${_libtorch_packages}/nvidia/*/include")
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS ${_libtorch_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS ${_libtorch_roots} PATH_SUFFIXES lib NO_DEFAULT_PATH)
  find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h HINTS ${_cuda_includes} PATH_SUFFIXES cuda/include)
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${_cuda_includes})
  # LibTorch's headers call the runtime; its wheel has a libcudart.so.13, and no libcudart.so.
  file(GLOB _cuda_libraries "${_libtorch_packages}/nvidia/*/lib")
  find_library(CUDA_RUNTIME_LIBRARY NAMES cudart libcudart.so.13 libcudart.so.12 NAMES_PER_DIR
    HINTS ${_cuda_libraries} "${CUDA_RUNTIME_INCLUDE_DIR}/../lib64" "${CUDA_RUNTIME_INCLUDE_DIR}/../lib")
  set(_cuda_missing "")
  foreach(_part LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY CUDA_RUNTIME_INCLUDE_DIR CUDA_RUNTIME_LIBRARY NCCL_INCLUDE_DIR)
    if(NOT ${_part})
      list(APPEND _cuda_missing ${_part})
    endif()
  endforeach()
  if(NOT _cuda_missing)
    file(STRINGS "${NCCL_INCLUDE_DIR}/nccl.h" _lines REGEX "define NCCL_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9;]*([0-9]+)[^;]*" "\\1" NCCL_VERSION "${_lines}")
    string(REPLACE ";" "." NCCL_VERSION "${NCCL_VERSION}")
    set(_nccl_wanted "${ORNSTEIN_NCCL_VERSION}")
    file(GLOB _metadata "${_libtorch_packages}/torch-*.dist-info/METADATA")
    if(NOT _nccl_wanted AND _metadata)
      file(STRINGS "${_metadata}" _lines REGEX "^Requires-Dist: nvidia-nccl-cu[0-9]+==")
      string(REGEX REPLACE ".*==([0-9.]+).*" "\\1" _nccl_wanted "${_lines}")
    endif()
    if(NOT _nccl_wanted STREQUAL NCCL_VERSION)
      set(_cuda_missing "nccl.h of version '${_nccl_wanted}' (${NCCL_INCLUDE_DIR} has ${NCCL_VERSION})")
    endif()
  endif()
  if(NOT _cuda_missing)
    set(ORNSTEIN_WITH_CUDA ON)
    if(NOT TARGET LibTorch::cuda)
      add_library(LibTorch::c10_cuda SHARED IMPORTED)
      set_target_properties(LibTorch::c10_cuda PROPERTIES IMPORTED_LOCATION "${LibTorch_C10_CUDA_LIBRARY}")
      add_library(LibTorch::cuda SHARED IMPORTED)
      set_target_properties(LibTorch::cuda PROPERTIES IMPORTED_LOCATION "${LibTorch_CUDA_LIBRARY}")
      # The library registers the device's kernels when it is loaded: it must be there though nothing names it.
      target_link_options(LibTorch::cuda INTERFACE LINKER:--no-as-needed)
      target_link_libraries(LibTorch::cuda INTERFACE LibTorch::c10_cuda LibTorch::cpu "${CUDA_RUNTIME_LIBRARY}")
    endif()
  elseif(ORNSTEIN_CUDA STREQUAL "ON")
    string(REPLACE ";" ", " _cuda_missing "${_cuda_missing}")
    message(FATAL_ERROR "ORNSTEIN_CUDA=ON: not found: ${_cuda_missing} (LibTorch ${LibTorch_VERSION} at ${LibTorch_INCLUDE_DIR}) "
      "run tools/setup --cuda, or pass the paths")
  endif()
endif()
if(ORNSTEIN_WITH_CUDA)
  message(STATUS "CUDA: served, NCCL ${NCCL_VERSION}")
else()
  list(PREPEND _cuda_missing "ORNSTEIN_CUDA=${ORNSTEIN_CUDA}")
  list(JOIN _cuda_missing ", not found: " _cuda_missing)
  message(STATUS "CUDA: not served (${_cuda_missing})")
endif()
mark_as_advanced(LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY CUDA_RUNTIME_INCLUDE_DIR NCCL_INCLUDE_DIR)
