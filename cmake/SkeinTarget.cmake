# skein_library(NAME sources...) and skein_executable(NAME sources...): the flags every target of ours has.
include(GNUInstallDirs)

find_program(SKEIN_CCACHE ccache)
if(SKEIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths in its cache are relative to the tree, so that another clone finds what this one compiled; the rest is what
  # it asks for to keep what was compiled with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1 ${SKEIN_CCACHE})
endif()
find_program(SKEIN_MOLD mold)

add_library(skein_flags INTERFACE)
target_include_directories(skein_flags INTERFACE ${PROJECT_SOURCE_DIR})
# GCC 12 sees what is not there: maybe-uninitialized in every move of a std::variant, the others in the standard
# library's own code (in a "+" of texts, by the length of a folder's path), which it does not know for a system's any
# more once that comes from a precompiled header. The sanitizers look for the same at run time.
target_compile_options(skein_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast
  $<$<BOOL:${SKEIN_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-array-bounds -Wno-restrict
    -Wno-stringop-overflow -Wno-stringop-overread
    --param=ggc-min-heapsize=524288> # collects no garbage below 512 MiB: 8 % of its time
  -fstack-protector-strong -fcf-protection)
target_compile_definitions(skein_flags INTERFACE
  $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2> $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(SKEIN_MOLD)
  target_link_options(skein_flags INTERFACE -fuse-ld=mold)
endif()
target_link_options(skein_flags INTERFACE -Wl,-z,relro,-z,now)
if(SKEIN_SANITIZE)
  target_compile_options(skein_flags INTERFACE -fsanitize=${SKEIN_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  # null: CAF 0.17 binds a null reference (init_fun_factory.hpp); vptr: its library lacks the type information.
  # Both also double the time to compile.
  if(SKEIN_SANITIZE MATCHES undefined)
    target_compile_options(skein_flags INTERFACE -fno-sanitize=null,vptr)
  endif()
  target_compile_definitions(skein_flags INTERFACE SKEIN_SANITIZED=1)
  target_link_options(skein_flags INTERFACE -fsanitize=${SKEIN_SANITIZE})
endif()
if(SKEIN_COVERAGE)
  target_compile_options(skein_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(skein_flags INTERFACE --coverage)
endif()

# skein_precompile(NAME SOURCE [OPTIONS flags...] [HEADERS headers...]): the standard library's headers and these, read
# once for all targets that are compiled with these flags: a quarter of the time to compile everything. Every file
# includes what it uses all the same; a build with CMAKE_DISABLE_PRECOMPILE_HEADERS (preset tsan) proves it. Targets use
# the one that the variable skein_precompiled names; it must have their level of optimization, for GCC takes that from
# the header for all that is in it.
set(skein_precompiled skein_std)
function(skein_precompile name source)
  cmake_parse_arguments(PRE "" "" "OPTIONS;HEADERS" ${ARGN})
  set(headers <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstring> <deque> <functional> <map>
    <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <tuple> <unordered_map> <unordered_set>
    <utility> <variant> <vector> ${PRE_HEADERS})
  add_library(skein_${name} OBJECT ${source})
  target_link_libraries(skein_${name} PRIVATE skein_flags)
  target_compile_options(skein_${name} PRIVATE ${PRE_OPTIONS})
  target_precompile_headers(skein_${name} PRIVATE ${headers})
  # What stands for it in the keys of ccache (pch_external_checksum): no two of GCC's own are the same, byte for byte.
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/skein_${name}.dir/cmake_pch.hxx.gch.sum
    CONTENT "${headers} ${PRE_OPTIONS}" @ONLY)
endfunction()

# skein_plant_bug(sources...): the planted bug's definition for those of the sources that name it, so that a
# build folder in which bugs are planted one after the other builds little anew. Not for headers.
function(skein_plant_bug)
  if(NOT SKEIN_PLANTED_BUG)
    return()
  endif()
  string(TOUPPER "SKEIN_BUG_${SKEIN_PLANTED_BUG}" bug)
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} named REGEX "${bug}([^A-Z_0-9]|$)")
    if(named)
      set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS "${bug}=1")
    endif()
  endforeach()
endfunction()

function(skein_library name)
  add_library(skein_${name} STATIC ${ARGN})
  add_library(skein::${name} ALIAS skein_${name})
  target_link_libraries(skein_${name} PUBLIC skein_flags)
  target_precompile_headers(skein_${name} REUSE_FROM ${skein_precompiled})
  skein_plant_bug(${ARGN})
endfunction()

function(skein_executable name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE skein_flags)
  target_precompile_headers(${name} REUSE_FROM ${skein_precompiled})
  skein_plant_bug(${ARGN})
endfunction()
