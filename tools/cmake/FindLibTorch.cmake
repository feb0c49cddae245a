# Finds LibTorch without asking it: a CUDA wheel's own TorchConfig.cmake wants a CUDA toolkit at configure time, the CPU
# needs none. LIBTORCH_ROOT may be a pip site-packages/torch, an unpacked libtorch zip, or a conda environment; without it
# the wheel that tools/setup put under .deps/ is taken. Defines the imported target LibTorch::cpu and LibTorch_VERSION.
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
