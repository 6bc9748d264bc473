// A store's URL to its engine.
#include "journal/memory_journal.hpp"
#include "journal/sqlite_options.hpp"

namespace skein::journal {

result<std::unique_ptr<engine>> open(const std::string& url, const open_options& options) {
  if (url.empty())
    return error{errc::invalid_argument, "a store is a directory or 'memory:'"};
  if (url == "memory:")
    return open_memory(make_memory_store(), options);
  return open_sqlite({.directory = url, .store = options});
}

} // namespace skein::journal
