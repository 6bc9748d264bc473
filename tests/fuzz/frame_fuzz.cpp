// A frame from a peer.
#include "fuzz_event.hpp"

#include "protocol/frame.hpp"

using namespace skein;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const slice bytes{nullptr, fuzz::text_of(data, size)};
  const auto received = decode_frame(bytes);
  const auto peek = peek_frame(bytes.view());
  if (!received) {
    SKEIN_CHECK(!to_string(received.error()).empty());
    return 0;
  }
  SKEIN_CHECK(peek && peek->header == received->header);
  SKEIN_CHECK(peek->kind == received->body.index());
  SKEIN_CHECK(frame_check(received->header, received->body).ok());
  const auto again = decode_frame(encode_frame(received->header, received->body));
  SKEIN_CHECK(again && *again == *received);
  return 0;
}
