#include "tests/nodes/http/tls_client.hpp"

#include "protocol/check.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace skein::test {

namespace {

void add_extension(X509* to, X509* issuer, int what, const std::string& text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, what, text.c_str());
  SKEIN_CHECK(made != nullptr && X509_add_ext(to, made, -1) == 1);
  X509_EXTENSION_free(made);
}

X509* make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                       const certificate_wish& wish, int serial) {
  X509* made = X509_new();
  SKEIN_CHECK(made != nullptr);
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
  X509_gmtime_adj(X509_getm_notBefore(made), static_cast<long>(wish.from.count()));
  X509_gmtime_adj(X509_getm_notAfter(made), static_cast<long>(wish.to.count()));
  X509_set_pubkey(made, key);
  X509_NAME* subject = X509_get_subject_name(made);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* const from = issuer == nullptr ? made : issuer;
  X509_set_issuer_name(made, X509_get_subject_name(from));
  if (issuer == nullptr)
    add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE");
  else
    add_extension(made, from, NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
  SKEIN_CHECK(X509_sign(made, issuer_key, EVP_sha256()) > 0);
  return made;
}

template <class Write>
void write_pem(const std::string& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  SKEIN_CHECK(file != nullptr && write(file) == 1);
  std::fclose(file);
  ::chmod(path.c_str(), 0600);
}

} // namespace

test_authority::test_authority()
  : key_{EVP_EC_gen("P-256"), EVP_PKEY_free}, own_{nullptr, X509_free} {
  std::string pattern = "/tmp/skein-tls-XXXXXX";
  SKEIN_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  path_ = folder_ + "/authority.pem";
  own_.reset(make_certificate("Skein test", key_.get(), nullptr, key_.get(), {}, 1));
  write_pem(path_, [&](std::FILE* file) { return PEM_write_X509(file, own_.get()); });
}

test_authority::~test_authority() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

pem_pair test_authority::issue(const certificate_wish& wish) {
  const std::string base = folder_ + "/" + std::to_string(++issued_);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const std::unique_ptr<X509, void (*)(X509*)> made{
      make_certificate(wish.name, key.get(), own_.get(), key_.get(), wish, 1 + issued_), X509_free};
  pem_pair out{base + ".pem", base + ".key"};
  write_pem(out.certificate, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
  write_pem(out.key, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return out;
}

tls_client::tls_client(std::uint16_t port, const std::string& trusted, const pem_pair& own,
                       int version_max)
  : context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free}, ssl_{nullptr, SSL_free} {
  std::signal(SIGPIPE, SIG_IGN); // a server may have gone
  ERR_clear_error();
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_load_verify_locations(context_.get(), trusted.c_str(), nullptr);
  if (version_max != 0) {
    SSL_CTX_set_security_level(context_.get(), 0); // else the client itself refuses old ones
    SSL_CTX_set_min_proto_version(context_.get(), version_max);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
  }
  if (!own.certificate.empty()) {
    SSL_CTX_use_certificate_file(context_.get(), own.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_.get(), own.key.c_str(), SSL_FILETYPE_PEM);
  }
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(port);
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0)
    return;
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), socket_);
  SSL_set1_host(ssl_.get(), "localhost");
  connected_ = SSL_connect(ssl_.get()) == 1;
}

tls_client::~tls_client() {
  ssl_.reset();
  ::close(socket_);
}

std::string tls_client::version() const { return SSL_get_version(ssl_.get()); }

bool tls_client::send(std::string_view bytes) {
  ERR_clear_error();
  return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
         static_cast<int>(bytes.size());
}

bool tls_client::fill() {
  ERR_clear_error();
  std::array<char, 32 << 10> part{};
  const int got = SSL_read(ssl_.get(), part.data(), static_cast<int>(part.size()));
  ended_in_order_ = got <= 0 && SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
  if (got <= 0)
    return false;
  buffer_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

std::string tls_client::read_until(std::string_view text) {
  while (buffer_.find(text) == std::string::npos)
    if (!fill())
      return {};
  const std::size_t end = buffer_.find(text) + text.size();
  std::string taken = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return taken;
}

std::string tls_client::read(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!fill())
      return {};
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return taken;
}

bool tls_client::ends_in_order() {
  while (fill()) {}
  return ended_in_order_;
}

} // namespace skein::test
