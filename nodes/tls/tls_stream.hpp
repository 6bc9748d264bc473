// One server's side of TLS over a socket that does not block: every call does what can be done now
// and says what it waits for. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace skein {

class tls_stream {
 public:
  enum class state : std::uint8_t { done, wants_read, wants_write, ended, failed };
  struct outcome {
    state how = state::failed;
    std::size_t size = 0; // of done
  };

  /// `descriptor` is not owned and must stay open.
  tls_stream(const std::shared_ptr<ssl_ctx_st>& context, int descriptor);
  ~tls_stream();
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;

  outcome shake_hands();
  /// Fills `into` as far as there is something.
  outcome read(char* into, std::size_t size);
  /// What was not taken must be offered again, from the same byte on.
  outcome write(std::string_view bytes);
  /// Bytes that are decrypted already: the socket does not tell of them.
  bool has_unread() const noexcept;
  /// Says that nothing more comes; once, and without waiting.
  void say_end() noexcept;

  /// Of a handshake that failed: why, in the words of the library.
  const std::string& problem() const noexcept { return problem_; }
  /// The peer spoke HTTP without TLS.
  bool heard_plain_http() const noexcept { return plain_http_; }

 private:
  outcome judge(int returned);

  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::string problem_;
  bool plain_http_ = false;
  bool open_ = false; // the handshake is over, and nothing has failed
};

} // namespace skein
