// The other side of TLS, for tests: an authority of their own, and a client that blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace skein::test {

struct pem_pair {
  std::string certificate, key; // paths
};

struct certificate_wish {
  std::string name = "localhost"; // DNS; 127.0.0.1 is always there too
  std::chrono::seconds from{-60}; // of now
  std::chrono::seconds to{3'600};
};

/// Makes a folder of its own, gone with it.
class test_authority {
 public:
  test_authority();
  ~test_authority();
  test_authority(const test_authority&) = delete;
  test_authority& operator=(const test_authority&) = delete;

  pem_pair issue(const certificate_wish& wish = {});
  const std::string& certificate() const { return path_; } // of the authority itself
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::string path_;
  std::unique_ptr<evp_pkey_st, void (*)(evp_pkey_st*)> key_;
  std::unique_ptr<x509_st, void (*)(x509_st*)> own_;
  int issued_ = 0;
};

class tls_client {
 public:
  /// To a port of 127.0.0.1. `trusted`: a PEM file; `own` is shown if it is not empty.
  tls_client(std::uint16_t port, const std::string& trusted, const pem_pair& own = {},
             int version_max = 0);
  ~tls_client();
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  bool connected() const { return connected_; } // the handshake is over
  std::string version() const;
  bool send(std::string_view bytes);
  /// Until `text` came; all so far, or empty if the other side ended before.
  std::string read_until(std::string_view text);
  /// Until there are so many bytes in all.
  std::string read(std::size_t bytes);
  /// Whether the other side says an end, and does not only go.
  bool ends_in_order();

 private:
  bool fill();
  int socket_ = -1;
  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bool connected_ = false;
  bool ended_in_order_ = false;
  std::string buffer_;
};

} // namespace skein::test
