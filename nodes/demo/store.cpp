#include "nodes/demo/store.hpp"

#include "journal/postgres/postgres_options.hpp"
#include "nodes/config/node_options.hpp"
#include "nodes/demo/store_url.hpp"
#include "nodes/random_bits.hpp"

#include <sys/stat.h>

#include <chrono>

namespace skein::demo {

namespace {

constexpr std::string_view how_to_install =
    "install one (on Debian: apt install postgresql), or give a database: --store "
    "postgresql://USER@HOST/DATABASE";

instant now() {
  return instant{
      std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch())};
}

error of_database(const error& problem) {
  if (problem.code == errc::store_mismatch)
    return {errc::store_mismatch,
            "the database holds events of another cluster (" + problem.detail +
                "); name an empty one, or if they may go: psql URL -c 'DROP SCHEMA skein CASCADE'"};
  return {problem.code, std::string{sentence(problem.code)} + " " + problem.detail +
                            "; see that --store names a PostgreSQL database that this user may "
                            "write"};
}

} // namespace

/// The one place that decides. Without a word it is a server of the demo's own, as nodes with a
/// store each do not work together in this version.
result<store_kind> choose_store(const plan& asked, bool has_server) {
  if (!asked.store.empty() && asked.own_server)
    return error{errc::invalid_argument,
                 "--store and --ha are both given, and each is a store; leave one of them out"};
  if (!asked.store.empty())
    return store_kind::given_postgres;
  if (has_server)
    return store_kind::own_postgres;
  return error{errc::invalid_argument,
               "the nodes share a PostgreSQL database, and no server's programs (initdb, postgres) "
               "are in PATH or /usr/lib/postgresql; " +
                   std::string{how_to_install}};
}

result<std::unique_ptr<store>> store::open(const plan& asked, const std::string& cluster,
                                           const folders& where, relays& network) {
  const std::string programs = find_postgres();
  const auto kind = choose_store(asked, !programs.empty());
  if (!kind)
    return kind.error();
  std::unique_ptr<store> made{new store{*kind, where, network}};
  if (*kind == store_kind::given_postgres) {
    if (const auto read = read_store_url(asked.store); !read)
      return read.error();
    made->url_ = asked.store;
    if (auto tried = made->try_database(cluster); !tried)
      return tried.error();
  }
  if (*kind == store_kind::own_postgres) {
    auto server =
        own_postgres::start(programs, where.main() + "/postgres", where.sockets() + "/postgres");
    if (!server)
      return server.error();
    made->server_ = *std::move(server);
    made->url_ = made->server_->url();
  }
  return made;
}

/// As a node would: so the cluster's own rules say whether the database may be used.
result<void> store::try_database(const std::string& cluster) const {
  journal::postgres_options how;
  how.url = url_;
  how.cluster = cluster;
  how.who.node = "demo";
  how.who.boot = cluster;
  how.single = true;
  how.store = store_options(node_options{}, now(), random_bits());
  const auto opened = journal::open_postgres(how);
  return opened ? result<void>{} : of_database(opened.error());
}

result<std::string> store::url_for(const std::string& node) {
  if (!is_shared())
    return std::string{};
  const auto place = read_store_url(url_);
  if (!place)
    return place.error();
  const auto target = place->is_socket() ? socket_address::unix_path(place->socket_path())
                                         : socket_address::find(place->host, place->port);
  if (!target)
    return target.error();
  const std::string folder = folders_.sockets() + "/" + node + "-store";
  const auto known = relays_.find(node);
  if (known == relays_.end()) {
    if (place->is_socket() && ::mkdir(folder.c_str(), 0700) != 0)
      return error{errc::io_error, folder + " cannot be made; see that /tmp has room"};
    const auto at = place->is_socket() ? socket_address::unix_path(folder + "/.s.PGSQL.5432")
                                       : result<socket_address>{socket_address::loopback(0)};
    const auto opened = at ? network_.open(*at, *target) : result<relay_id>{at.error()};
    if (!opened)
      return opened.error();
    relays_[node] = *opened;
  }
  return place->is_socket() ? by_socket(url_, folder)
                            : by_port(url_, network_.port(relays_.at(node)));
}

std::string store::described() const {
  switch (kind_) {
    case store_kind::given_postgres:
      return "the PostgreSQL database of --store";
    case store_kind::own_postgres:
      return "a PostgreSQL server of this demo's own, log " + server_->log();
    case store_kind::sqlite:
      return "one a node, in its folder";
  }
  return {};
}

std::string store::farewell() const {
  return kind_ == store_kind::given_postgres ? "the database keeps what the demo wrote, in the "
                                               "schema skein; to remove it: psql URL "
                                               "-c 'DROP SCHEMA skein CASCADE'"
                                             : "";
}

} // namespace skein::demo
