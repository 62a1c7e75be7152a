# Resolves GIBBOUS_LEVELS: a list of levels; "all"; or empty for the level of the machine that
# builds, because a core takes minutes to compile and this machine runs only one of them.
set(GIBBOUS_LEVELS "" CACHE STRING
  "Instruction-set levels to build, e.g. v2;v3; all; empty for that of this processor")

if(CMAKE_OSX_ARCHITECTURES)
  set(processor "${CMAKE_OSX_ARCHITECTURES}")
else()
  set(processor "${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(every_level base)
if(processor MATCHES "^(x86_64|AMD64|amd64)$" AND NOT MSVC)
  set(every_level v2 v3 v4)
endif()

if(GIBBOUS_LEVELS STREQUAL "all")
  set(GIBBOUS_LEVELS ${every_level})
elseif(NOT GIBBOUS_LEVELS AND (GIBBOUS_SANITIZE OR every_level STREQUAL "base"))
  set(GIBBOUS_LEVELS base)
elseif(NOT GIBBOUS_LEVELS AND CMAKE_CROSSCOMPILING)
  # The machine that will run the core is another one, and unknown.
  set(GIBBOUS_LEVELS ${every_level})
elseif(NOT GIBBOUS_LEVELS)
  try_run(level_runs level_compiles
    "${CMAKE_CURRENT_BINARY_DIR}/level" "${CMAKE_CURRENT_LIST_DIR}/level.cpp"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_LIST_DIR}/../cpp"
    RUN_OUTPUT_VARIABLE GIBBOUS_LEVELS)
  string(STRIP "${GIBBOUS_LEVELS}" GIBBOUS_LEVELS)
  if(NOT level_compiles OR NOT level_runs EQUAL 0 OR NOT GIBBOUS_LEVELS MATCHES "^(base|v[234])$")
    set(GIBBOUS_LEVELS ${every_level})
  endif()
endif()
message(STATUS "Instruction-set levels: ${GIBBOUS_LEVELS}")
