// SKEIN_CHECK: an assertion about our own code, on in every build. It names the broken condition
// on standard error and aborts: a state that can no longer be trusted must not reach the disk.
#pragma once

namespace skein {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

} // namespace skein

#define SKEIN_CHECK(condition)                                                                     \
  (static_cast<bool>(condition) ? static_cast<void>(0)                                             \
                                : ::skein::check_failed(#condition, __FILE__, __LINE__))
