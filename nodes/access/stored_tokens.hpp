// Tokens in the store of a node that does not run: what a start wants of them, and how the first
// one comes there.
#pragma once

#include "actors/access/token.hpp"
#include "journal/journal.hpp"
#include "nodes/config/node_options.hpp"

#include <string>
#include <vector>

namespace skein {

/// A node that other machines can reach serves only with TLS and if somebody has a token. Else
/// invalid_config, with what to do; the store is closed then as it was opened.
result<void> check_guarded(const node_options& options, journal::engine& store, instant now);

/// What a person wants of a token.
struct token_wish {
  role may = role::admin;
  std::string name; // empty: ROLE-1, ROLE-2, ...
  duration life{0}; // 0: for ever
};
struct made_token {
  std::string text;
  std::string page; // JSON: as the node tells of it
};

/// Puts a token into the store of a node that is stopped, and a record that it was made there.
/// store_locked: it is not stopped. state_conflict: the name is taken, or the node did not end in
/// order and has to start once before.
result<made_token> make_stored_token(const node_options& options, const token_wish& wish,
                                     instant now, std::uint64_t seed);

} // namespace skein
