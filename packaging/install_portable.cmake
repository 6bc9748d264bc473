# Installs portable_program and the libraries it needs, but for the system's own, with a list of where each comes from
# and its licence. Run by `cmake --install`, component portable.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(documents "${root}/share/doc/skein/libraries")
file(INSTALL "${portable_program}" DESTINATION "${CMAKE_INSTALL_PREFIX}/bin" # adds DESTDIR by itself
  USE_SOURCE_PERMISSIONS)
if(CMAKE_INSTALL_DO_STRIP)
  execute_process(COMMAND strip "${root}/bin/skein" COMMAND_ERROR_IS_FATAL ANY)
endif()

# What every Debian 12 has, and what must fit its kernel and its loader.
set(own "^(ld-linux.*|linux-vdso|libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\\+\\+)\\.so")
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${portable_program}" PRE_EXCLUDE_REGEXES "${own}"
  RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR missing)
if(missing)
  message(FATAL_ERROR "not found: ${missing}")
endif()
list(SORT libraries)

file(MAKE_DIRECTORY "${root}/lib")
set(lines "")
foreach(library IN LISTS libraries)
  get_filename_component(real "${library}" REALPATH)
  get_filename_component(name "${library}" NAME)
  file(COPY_FILE "${real}" "${root}/lib/${name}")
  # As dpkg knows it: on a system with one /usr it may have been packaged for /lib.
  string(REGEX REPLACE "^/usr" "" short "${real}")
  execute_process(COMMAND dpkg-query -S "${real}" OUTPUT_VARIABLE found ERROR_QUIET)
  if(NOT found)
    execute_process(COMMAND dpkg-query -S "${short}" OUTPUT_VARIABLE found ERROR_QUIET)
  endif()
  string(REGEX REPLACE ":.*" "" package "${found}")
  if(NOT package)
    message(FATAL_ERROR "no package has ${real}; its licence is not known")
  endif()
  execute_process(COMMAND dpkg-query -W -f "\${Version}\n" "${package}" OUTPUT_VARIABLE versions)
  string(REGEX REPLACE "\n.*" "" version "${versions}")
  string(APPEND lines "${name} ${package} ${version}\n")
  configure_file("/usr/share/doc/${package}/copyright" "${documents}/${package}.copyright" COPYONLY)
endforeach()
file(WRITE "${documents}/list.txt" "${lines}")
