# Finds Eigen 3.4 or newer. Its headers come as the PyPI wheel cmeel-eigen; the Python that builds
# knows where it put them. Eigen3_DIR, or a package of the system, serves as well.
if(NOT Eigen3_DIR)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "import importlib.metadata as m; print(m.distribution('cmeel-eigen').locate_file('cmeel.prefix').as_posix(), end='')"
    OUTPUT_VARIABLE CMEEL_PREFIX RESULT_VARIABLE _rc ERROR_QUIET)
  if(_rc EQUAL 0)
    list(PREPEND CMAKE_PREFIX_PATH "${CMEEL_PREFIX}")
  endif()
endif()
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
