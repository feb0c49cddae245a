# The project's own CMake vocabulary. Every library, program and test goes through one of these functions, so that
# flags, the precompiled header and the fast linker are set in one place.

# Compiler settings shared by all our targets.
add_library(ornstein_flags INTERFACE)
target_include_directories(ornstein_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(ornstein_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
  $<$<BOOL:${ORNSTEIN_WARNINGS_AS_ERRORS}>:-Werror>)
target_compile_definitions(ornstein_flags INTERFACE FMT_HEADER_ONLY)
target_link_libraries(ornstein_flags INTERFACE LibTorch::cpu Threads::Threads)
find_program(ORNSTEIN_MOLD mold)
if(ORNSTEIN_MOLD)
  target_link_options(ornstein_flags INTERFACE -fuse-ld=mold)
endif()
find_program(ORNSTEIN_CCACHE ccache)
if(ORNSTEIN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${ORNSTEIN_CCACHE})
  target_compile_options(ornstein_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

# The one precompiled header: LibTorch, c10d, fmt and the standard library.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "// holds the precompiled header\n")
add_library(ornstein_precompiled STATIC "${PROJECT_BINARY_DIR}/precompiled.cpp")
target_link_libraries(ornstein_precompiled PUBLIC ornstein_flags)
target_precompile_headers(ornstein_precompiled PRIVATE "${PROJECT_SOURCE_DIR}/framework/precompiled.h")

function(_ornstein_target target)
  target_link_libraries(${target} PUBLIC ornstein_flags)
  target_precompile_headers(${target} REUSE_FROM ornstein_precompiled)
endfunction()

# ornstein_library(NAME SOURCES a.cpp b.cpp LINK other libraries...): one static library a folder, named ornstein_NAME.
function(ornstein_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(ornstein_${name} STATIC ${arg_SOURCES})
  _ornstein_target(ornstein_${name})
  target_link_libraries(ornstein_${name} PUBLIC ${arg_LINK})
endfunction()

# add_trainer(NAME a.cpp ...): a method's folder, trainers/NAME. Its sources define
# ornstein::NAME::register_with(TrainerFactory&), which the generated register_all_trainers.cpp calls.
function(add_trainer name)
  ornstein_library(trainer_${name} SOURCES ${ARGN} LINK ornstein_training ornstein_nn ornstein_diffusion
    ornstein_evaluation ornstein_spaces ornstein_math)
  set_property(GLOBAL APPEND PROPERTY ORNSTEIN_TRAINERS ${name})
endfunction()

# add_dataset(KIND SOURCES a.cpp ... LINK libraries...): a kind of data, datasets/KIND, defining
# ornstein::KIND::register_with(DatasetFactory&).
function(add_dataset name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  ornstein_library(dataset_${name} SOURCES ${arg_SOURCES} LINK ornstein_data ${arg_LINK})
  set_property(GLOBAL APPEND PROPERTY ORNSTEIN_DATASETS ${name})
endfunction()

# ornstein_registration(TARGET ITEM Factory header): generates register_all_ITEMs.cpp, plain calls in
# alphabetical order. A folder without register_with is a link error.
function(ornstein_registration target item factory header)
  string(TOUPPER "ORNSTEIN_${item}S" property)
  get_property(names GLOBAL PROPERTY ${property})
  list(SORT names)
  set(REGISTRATION_DECLARATIONS "")
  set(REGISTRATION_CALLS "")
  set(libraries "")
  foreach(name IN LISTS names)
    string(APPEND REGISTRATION_DECLARATIONS "namespace ${name} { void register_with(${factory}&); }\n")
    string(APPEND REGISTRATION_CALLS "  ${name}::register_with(factory);\n")
    list(APPEND libraries ornstein_${item}_${name})
  endforeach()
  set(REGISTRATION_FACTORY ${factory})
  set(REGISTRATION_FUNCTION register_all_${item}s)
  set(REGISTRATION_HEADER ${header})
  configure_file("${PROJECT_SOURCE_DIR}/tools/cmake/register_all.cpp.in"
    "${CMAKE_CURRENT_BINARY_DIR}/register_all_${item}s.cpp" @ONLY)
  ornstein_library(${target} SOURCES "${CMAKE_CURRENT_BINARY_DIR}/register_all_${item}s.cpp" LINK ${libraries})
endfunction()

# ornstein_test(NAME SOURCES ... LINK ... [TIMEOUT s]): one GoogleTest binary test_NAME, one CTest case a binary.
function(ornstein_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINK")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  _ornstein_test_binary(test_${name} "${arg_SOURCES}" "${arg_LINK}" ornstein_gtest_main)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()

# add_mpi_test(NAME SOURCES ... LINK ... RANKS 1 2 4 [TIMEOUT s]): the same, its main starts MPI; one CTest case a rank count.
function(add_mpi_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINK;RANKS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  _ornstein_test_binary(test_${name} "${arg_SOURCES}" "${arg_LINK}" ornstein_gtest_mpi_main)
  foreach(ranks IN LISTS arg_RANKS)
    add_test(NAME ${name}_${ranks} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:test_${name}>)
    set_tests_properties(${name}_${ranks} PROPERTIES TIMEOUT ${arg_TIMEOUT} PROCESSORS ${ranks}
      ENVIRONMENT "${ORNSTEIN_MPI_TEST_ENVIRONMENT}")
  endforeach()
endfunction()

# More ranks than cores, as root, on one machine: what `mpirun` needs for tests.
set(ORNSTEIN_MPI_TEST_ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
  "OMPI_MCA_mpi_yield_when_idle=1;OMPI_MCA_hwloc_base_binding_policy=none;OMPI_MCA_rmaps_base_oversubscribe=1")

function(_ornstein_test_binary target sources link main)
  add_executable(${target} ${sources})
  _ornstein_target(${target})
  target_link_libraries(${target} PRIVATE ${link} ${main})
endfunction()
