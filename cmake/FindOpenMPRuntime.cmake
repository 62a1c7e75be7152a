# Finds OpenMP, also where FindOpenMP needs a hint. Apple's compiler comes without a run-time
# library; Homebrew's libomp lies outside the paths that compilers search. Microsoft's default
# run-time library implements OpenMP 2.0 only.
if(APPLE AND NOT OpenMP_ROOT AND NOT DEFINED ENV{OpenMP_ROOT})
  execute_process(COMMAND brew --prefix libomp
    OUTPUT_VARIABLE OpenMP_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT OpenMP_ROOT)
    set(OpenMP_ROOT /opt/homebrew/opt/libomp /usr/local/opt/libomp)
  endif()
endif()
set(OpenMP_RUNTIME_MSVC llvm)  # -openmp:llvm, from CMake 3.30 on
find_package(OpenMP COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  message(FATAL_ERROR "OpenMP was not found for ${CMAKE_CXX_COMPILER}; "
    "on macOS: brew install libomp; with Debian's clang: apt-get install libomp-dev")
endif()
