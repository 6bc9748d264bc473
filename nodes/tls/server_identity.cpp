#include "nodes/tls/server_identity.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

namespace skein {

namespace {

constexpr const char* ciphers_of_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// The only protocol that is spoken here, if the client asks.
constexpr std::array<unsigned char, 9> http_1_1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "it is not what it must be" : text;
}

error bad_file(const char* what, const std::string& path, const std::string& why) {
  return {errc::invalid_config, fmt::format("The {} {} cannot be used: {}.", what, path, why)};
}

/// Told apart from what is in it: a person corrects the two in different ways.
result<void> can_be_read(const char* what, const std::string& path) {
  if (access(path.c_str(), R_OK) != 0)
    return bad_file(what, path, std::strerror(errno));
  return {};
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, http_1_1.data(), http_1_1.size(), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// A key with a pass phrase would ask on the terminal; nobody is there.
int no_pass_phrase(char*, int, int, void*) { return -1; }

result<void> load_pair(SSL_CTX* context, const tls_files& files) {
  for (const auto& [what, path] :
       {std::pair{"certificate", &files.certificate}, {"key", &files.key}})
    if (auto readable = can_be_read(what, *path); !readable)
      return readable;
  SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return bad_file("certificate", files.certificate, reason());
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return bad_file("key", files.key, reason());
  if (SSL_CTX_check_private_key(context) != 1)
    return bad_file("key", files.key, "it is not the key of " + files.certificate);
  return {};
}

result<void> want_clients(SSL_CTX* context, const std::string& path) {
  if (path.empty())
    return {};
  if (auto readable = can_be_read("client_ca", path); !readable)
    return readable;
  if (SSL_CTX_load_verify_locations(context, path.c_str(), nullptr) != 1)
    return bad_file("client_ca", path, reason());
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(path.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

instant instant_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1)
    return no_instant;
  return from_ns(static_cast<std::int64_t>(timegm(&fields)) * 1'000'000'000);
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* each = sk_GENERAL_NAME_value(all, i);
    if (each->type != GEN_DNS)
      continue;
    const auto* text = ASN1_STRING_get0_data(each->d.dNSName);
    names.emplace_back(text, text + ASN1_STRING_length(each->d.dNSName));
  }
  GENERAL_NAMES_free(all);
  return names;
}

bool others_can_read(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && (found.st_mode & S_IROTH) != 0;
}

} // namespace

result<server_identity> load_identity(const tls_files& files) {
  ERR_clear_error();
  server_identity out;
  out.context = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  SSL_CTX* const context = out.context.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, ciphers_of_1_2) != 1)
    return error{errc::internal, "TLS cannot be set up: " + reason() + "."};
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  if (auto loaded = load_pair(context, files); !loaded)
    return loaded.error();
  if (auto wanted = want_clients(context, files.client_ca); !wanted)
    return wanted.error();
  X509* const certificate = SSL_CTX_get0_certificate(context);
  out.names = names_of(certificate);
  out.not_before = instant_of(X509_get0_notBefore(certificate));
  out.not_after = instant_of(X509_get0_notAfter(certificate));
  out.key_is_open = others_can_read(files.key);
  return out;
}

bool is_named(const std::string& host, const std::string& name) {
  if (!name.starts_with("*."))
    return strcasecmp(host.c_str(), name.c_str()) == 0;
  const std::size_t dot = host.find('.');
  return dot != std::string::npos && dot > 0 &&
         strcasecmp(host.c_str() + dot, name.c_str() + 1) == 0;
}

} // namespace skein
