// The frame: one message with its addresses, as bytes. protocol/README.md has the layout and worked
// examples; tests/golden holds the bytes. A change to either is a new protocol version.
//
//   msgpack array: [version, kind, from node, from name, to node, to name, number, boot, to boot,
//                   message...]
#pragma once

#include "protocol/messages.hpp"

namespace skein {

struct frame_header {
  address from;
  address to;
  std::uint64_t number = 0; // grows per sender; what an ack names
  /// The sender's process, drawn at its start: numbers count within it. 0: it does not say.
  std::uint64_t boot = 0;
  /// The process that it answers: no other is to take it. 0: whichever runs.
  std::uint64_t to_boot = 0;

  friend bool operator==(const frame_header&, const frame_header&) = default;
};

struct frame {
  frame_header header;
  message body;

  friend bool operator==(const frame&, const frame&) = default;
};

/// Whether decode_frame would take what encode_frame makes of it: enumerations in range, counts and
/// bytes within the limits. Errors: invalid_frame, too_large.
result<void> frame_check(const frame_header& header, const message& body);

/// Never fails: the caller holds the limits of frame_check. An older version is for a peer that
/// speaks no newer one.
slice encode_frame(const frame_header& header, const message& body,
                   std::uint8_t version = protocol_version);

/// Bounded: bytes and counts are checked before memory is taken. Slices in the message point into
/// `bytes` and share its owner. Errors: invalid_frame, unsupported_version, too_large.
result<frame> decode_frame(const slice& bytes);

/// Only the header, for routing.
struct frame_peek {
  std::uint8_t version = protocol_version;
  std::uint8_t kind = 0; // index in `message`
  frame_header header;
};
result<frame_peek> peek_frame(std::string_view bytes);

/// The same frame as that version has it; what this one lacks is left out. Errors: as decode_frame.
result<slice> in_version(const slice& bytes, std::uint8_t version);

} // namespace skein
