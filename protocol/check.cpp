#include "protocol/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace skein {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "skein: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

} // namespace skein
