# Installs the units, which name the program and the configuration by where they are installed, and a configuration if
# there is none. Run by `cmake --install`, component system.
set(root "$ENV{DESTDIR}")
set(SKEIN_PROGRAM "${CMAKE_INSTALL_PREFIX}/bin/skein")
set(SKEIN_CONFIG_FOLDER "${CMAKE_INSTALL_PREFIX}/etc/skein")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(SKEIN_CONFIG_FOLDER /etc/skein)
endif()
set(SKEIN_CONFIG "${SKEIN_CONFIG_FOLDER}/cluster.toml")

file(READ "${packaging}/systemd/rules.conf" SKEIN_SERVICE_RULES)
foreach(unit skein.service skein@.service)
  configure_file("${packaging}/systemd/${unit}.in" "${root}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${unit}" @ONLY)
endforeach()
if(NOT EXISTS "${root}${SKEIN_CONFIG}")
  file(INSTALL "${packaging}/cluster.toml" DESTINATION "${SKEIN_CONFIG_FOLDER}") # adds DESTDIR by itself
endif()
