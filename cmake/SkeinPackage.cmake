# `cpack -G DEB` and `cpack -G TGZ`; scripts/package.sh builds what they need first.
set(CPACK_PACKAGE_NAME skein)
set(CPACK_PACKAGE_VENDOR "Skein developers")
set(CPACK_PACKAGE_CONTACT "Skein developers <skein@packages.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "bots, agents and automations as one durable event system")
set(CPACK_PACKAGE_DESCRIPTION "Skein takes events over HTTP or from the command line, puts them on disk before it
acknowledges them, and hands them to agents: programs in any language, one event
of a key at a time and in order. Failures are retried and end as dead letters,
jobs publish events by the clock, and several nodes may share one store.")
set(CPACK_STRIP_FILES TRUE)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/packaging/cpack_options.cmake)

set(CPACK_DEB_COMPONENT_INSTALL TRUE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL TRUE)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS TRUE)
set(CPACK_DEBIAN_PACKAGE_DEPENDS tzdata) # zones of jobs; libraries are added
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, postgresql")
set(scripts ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${scripts}/conffiles ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)
