# An exception on rank 1 must end all ranks within 10 seconds, with a failure's exit code and the rank named.
execute_process(COMMAND ${MPIEXEC} ${RANKS_FLAG} 2 ${PROGRAM} ${WHERE}
  TIMEOUT 10 RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT result EQUAL 1)
  message(FATAL_ERROR "expected exit code 1, got '${result}':\n${output}")
endif()
if(NOT output MATCHES "rank 1: the disk is full")
  message(FATAL_ERROR "the failing rank and its message are not named:\n${output}")
endif()
