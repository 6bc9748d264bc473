# What `cmake --install` lays out. Components: program (the binary), portable (one that finds its libraries beside
# itself, and those), shared (manual, completion, documents), system (units, the user, /etc/skein).
include(GNUInstallDirs)

set(made ${PROJECT_BINARY_DIR}/packaging)

# The manual and the scripts of the shells come from the program itself.
add_custom_command(OUTPUT ${made}/documents.stamp
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}/documents
  COMMAND ${PROJECT_SOURCE_DIR}/packaging/make_documents.sh $<TARGET_FILE:skein> ${PROJECT_SOURCE_DIR} ${made}/documents
  COMMAND ${CMAKE_COMMAND} -E touch ${made}/documents.stamp
  DEPENDS skein packaging/make_documents.sh packaging/debian/changelog CHANGELOG.md
  VERBATIM)
add_custom_target(skein_documents ALL DEPENDS ${made}/documents.stamp)

install(TARGETS skein RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)

install(DIRECTORY ${made}/documents/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT shared)
install(FILES ${made}/documents/skein.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME skein COMPONENT shared)
install(FILES ${made}/documents/_skein DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT shared)
install(FILES ${made}/documents/skein.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
  COMPONENT shared)
set(documents ${CMAKE_INSTALL_DATADIR}/doc/skein)
install(FILES LICENSE DESTINATION ${documents} RENAME copyright COMPONENT shared)
install(FILES README.md ${made}/documents/CHANGELOG.md.gz DESTINATION ${documents} COMPONENT shared)
install(DIRECTORY docs DESTINATION ${documents} COMPONENT shared PATTERN decisions EXCLUDE)
install(FILES cluster.toml DESTINATION ${documents}/examples COMPONENT shared)

install(FILES ${made}/documents/changelog.Debian.gz DESTINATION ${documents} COMPONENT system)
install(FILES packaging/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME skein.conf COMPONENT system)
install(CODE "set(packaging \"${PROJECT_SOURCE_DIR}/packaging\")" COMPONENT system)
install(SCRIPT packaging/install_system.cmake COMPONENT system)

# The tarball's program looks for libraries in ../lib, also for those that its libraries need: only an RPATH of the old
# kind counts for these, as none of them has one of its own.
skein_executable(skein_portable nodes/main.cpp)
get_target_property(libraries_of_skein skein LINK_LIBRARIES)
target_link_libraries(skein_portable PRIVATE ${libraries_of_skein})
target_link_options(skein_portable PRIVATE -Wl,--disable-new-dtags)
set_target_properties(skein_portable PROPERTIES
  EXCLUDE_FROM_ALL TRUE OUTPUT_NAME skein RUNTIME_OUTPUT_DIRECTORY ${made}/portable
  BUILD_WITH_INSTALL_RPATH TRUE INSTALL_RPATH "$ORIGIN/../lib")
install(CODE "set(portable_program \"$<TARGET_FILE:skein_portable>\")" COMPONENT portable EXCLUDE_FROM_ALL)
install(SCRIPT packaging/install_portable.cmake COMPONENT portable EXCLUDE_FROM_ALL)
