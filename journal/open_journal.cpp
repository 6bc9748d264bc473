// A store's URL to its engine.
#include "journal/memory_journal.hpp"
#include "journal/sqlite_options.hpp"

namespace skein::journal {

bool is_postgres_url(std::string_view url) noexcept {
  return url.starts_with("postgresql:") || url.starts_with("postgres:");
}

result<std::unique_ptr<engine>> open(const std::string& url, const open_options& options) {
  if (url.empty())
    return error{errc::invalid_argument, "a store is a directory or 'memory:'"};
  if (url == "memory:")
    return open_memory(make_memory_store(), options);
  if (is_postgres_url(url)) // never repeated: it may hold a password
    return error{errc::invalid_argument,
                 "a store on PostgreSQL is shared by nodes that hold leases on its shards, and "
                 "nodes of this version do not take any; name a directory or 'memory:'"};
  return open_sqlite({.directory = url, .store = options});
}

} // namespace skein::journal
