// A socket that says exactly the bytes it is told, and a strict reader of responses: what a test
// must see is what a careful client would see. Every wait has an end, so a server that is silent
// fails a test.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace skein::test {

struct raw_response {
  int status = 0; // 0: the connection ended, or nothing came in time, before a response was whole
  std::map<std::string, std::string> fields; // names in lower case
  std::string body;

  std::string field(const std::string& name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? "" : at->second;
  }
  /// The "code" of a problem document.
  std::string code() const;
};

class raw_client {
 public:
  /// To a port of 127.0.0.1, from that loopback address; with SO_RCVBUF unless it is 0.
  explicit raw_client(std::uint16_t port, const std::string& from = "127.0.0.1",
                      int receive_buffer = 0);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  bool connected() const { return socket_ >= 0; }
  /// All of it; false when the other side is gone.
  bool send(std::string_view bytes);
  /// As much as the system takes at once.
  std::size_t send_some(std::string_view bytes);
  void half_close();
  void reset(); // ends with RST

  /// The next response, a 100 included. `head`: to a HEAD request.
  raw_response read(bool head = false);
  /// send, then read.
  raw_response ask(std::string_view request, bool head = false);

  /// Reads until `text` is in what came and not read before; all of it, or empty in time's end.
  std::string read_until(std::string_view text);
  /// All bytes until the other side closes; nullopt if it does not.
  std::optional<std::string> read_to_end();

  std::chrono::milliseconds patience{10'000};

 private:
  bool fill(); // false: end, or nothing came in time
  int socket_ = -1;
  bool ended_ = false;
  std::string buffer_;
};

} // namespace skein::test
