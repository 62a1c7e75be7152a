# Flags that every object of the core is compiled with, in the extensions and in the C++ tests: a
# test built with other flags would test another program.
set(GIBBOUS_SANITIZE "" CACHE STRING "Sanitizers for the core, e.g. address,undefined")
option(GIBBOUS_WERROR "Treat compiler warnings as errors" OFF)

# Sets `variable` to the sources in the folders and all folders in them. A folder without sources is
# an error: a pattern that matches nothing would build a core that lacks a model.
function(gibbous_sources variable)
  set(all)
  foreach(folder IN LISTS ARGN)
    get_filename_component(folder "${folder}" ABSOLUTE)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    if(NOT sources)
      message(FATAL_ERROR "there are no sources in ${folder}")
    endif()
    list(APPEND all ${sources})
  endforeach()
  set(${variable} ${all} PARENT_SCOPE)
endfunction()

# `level` is v2, v3 or v4 (x86-64 levels), or base for what the compiler does by itself.
function(gibbous_options target level)
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../cpp")
  target_link_libraries(${target} PRIVATE Eigen3::Eigen OpenMP::OpenMP_CXX)
  # Eigen's own threads give other bits at 1 than at 2 threads; parallel.hpp does the sharing.
  target_compile_definitions(${target} PRIVATE EIGEN_DONT_PARALLELIZE)
  if(MSVC)
    # The kernels use the vector types of GCC and Clang, so this is clang-cl; the top-level file
    # refuses cl. It takes the options of cl.
    target_compile_options(${target} PRIVATE /W3 /bigobj /utf-8 /clang:-ffp-contract=fast
      /clang:-fno-math-errno /clang:-fno-trapping-math $<$<BOOL:${GIBBOUS_WERROR}>:/WX>)
    target_compile_definitions(${target} PRIVATE NOMINMAX _USE_MATH_DEFINES)
    return()
  endif()
  # Contraction: the kernels are written as a * b + c and need the fused instruction.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-psabi -ffp-contract=fast
    -fno-math-errno -fno-trapping-math $<$<BOOL:${GIBBOUS_WERROR}>:-Werror>)
  if(NOT level STREQUAL base)
    target_compile_options(${target} PRIVATE -march=x86-64-${level})
  endif()
  if(level STREQUAL v4)
    target_compile_options(${target} PRIVATE -mprefer-vector-width=512)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      # GCC bug 105593: its own AVX-512 headers use a variable "uninitialized", on purpose.
      target_compile_options(${target} PRIVATE -Wno-uninitialized -Wno-maybe-uninitialized)
    endif()
  endif()
  if(GIBBOUS_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${GIBBOUS_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1)
    target_link_options(${target} PRIVATE -fsanitize=${GIBBOUS_SANITIZE})
  endif()
endfunction()
