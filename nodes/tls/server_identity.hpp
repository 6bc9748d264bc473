// Who a listener is to its clients: a certificate and its key, read from files and checked, with
// whose certificates it wants to see of them.
#pragma once

#include "protocol/result.hpp"
#include "protocol/time.hpp"

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace skein {

/// Paths; all empty: no TLS.
struct tls_files {
  std::string certificate; // PEM; with those that lead to its issuer behind it
  std::string key;         // PEM, without a pass phrase
  std::string client_ca;   // PEM; empty: clients need no certificate

  bool given() const noexcept { return !certificate.empty(); }
  friend bool operator==(const tls_files&, const tls_files&) = default;
};

struct server_identity {
  std::shared_ptr<ssl_ctx_st> context;
  std::vector<std::string> names; // of the certificate: "skein.example", "*.example"
  instant not_before = no_instant;
  instant not_after = no_instant;
  bool key_is_open = false; // others can read the key's file
};

/// TLS 1.2 and later with authenticated ciphers and forward secrecy alone; no renegotiation, no
/// tickets. invalid_config, naming the file: it cannot be read, is no PEM, or the key is of another
/// certificate.
result<server_identity> load_identity(const tls_files& files);

/// Whether a host's name is one of a certificate's: "*" stands for one label.
bool is_named(const std::string& host, const std::string& name);

} // namespace skein
