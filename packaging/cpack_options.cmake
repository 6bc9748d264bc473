# What differs between the packages; read by cpack for each of them.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_SET_DESTDIR TRUE) # /etc is none of the prefix
  set(CPACK_INSTALL_PREFIX /usr)
  set(CPACK_COMPONENTS_ALL program shared system)
else()
  execute_process(COMMAND uname -m OUTPUT_VARIABLE machine OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(CPACK_PACKAGE_FILE_NAME "skein-${CPACK_PACKAGE_VERSION}-linux-${machine}")
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY TRUE)
  set(CPACK_COMPONENTS_ALL portable shared)
endif()
