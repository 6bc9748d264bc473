// Request heads on which servers are known to disagree, or that are plainly malformed: the parser's
// test judges them alone, the server's test sends them with a second request hidden behind.
#pragma once

#include "protocol/error.hpp"

#include <string>
#include <vector>

namespace skein::test {

/// A head that must be refused with `code`, and why.
struct refused_head {
  const char* why;
  std::string raw;
  errc code = errc::invalid_request;
};

inline std::string with(const std::string& fields) {
  return "POST /v1/events HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

using namespace std::string_literals;

inline const std::vector<refused_head> refused_heads{
    {"Content-Length and Transfer-Encoding",
     with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
    {"Transfer-Encoding and Content-Length",
     with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
    {"Transfer-Encoding and a zero Content-Length",
     with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")},
    {"two Content-Lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n")},
    {"two equal Content-Lengths", with("Content-Length: 5\r\ncontent-length: 5\r\n")},
    {"a list of Content-Lengths", with("Content-Length: 5, 5\r\n")},
    {"Content-Length with a plus", with("Content-Length: +5\r\n")},
    {"Content-Length with a minus", with("Content-Length: -5\r\n")},
    {"Content-Length with a space inside", with("Content-Length: 1 5\r\n")},
    {"Content-Length in hexadecimal", with("Content-Length: 0x5\r\n")},
    {"Content-Length with a fraction", with("Content-Length: 5.0\r\n")},
    {"Content-Length with leading zeros", with("Content-Length: 05\r\n")},
    {"an empty Content-Length", with("Content-Length:\r\n")},
    {"a Content-Length of 2^64", with("Content-Length: 18446744073709551616\r\n")},
    {"a Content-Length of many digits", with("Content-Length: " + std::string(200, '9') + "\r\n")},
    {"Transfer-Encoding: identity", with("Transfer-Encoding: identity\r\n")},
    {"Transfer-Encoding: gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n")},
    {"Transfer-Encoding: chunked, chunked", with("Transfer-Encoding: chunked, chunked\r\n")},
    {"Transfer-Encoding: Chunked", with("Transfer-Encoding: Chunked\r\n")},
    {"Transfer-Encoding: xchunked", with("Transfer-Encoding: xchunked\r\n")},
    {"Transfer-Encoding with a vertical tab", with("Transfer-Encoding: \vchunked\r\n")},
    {"a quoted Transfer-Encoding", with("Transfer-Encoding: \"chunked\"\r\n")},
    {"an empty Transfer-Encoding", with("Transfer-Encoding:\r\n")},
    {"two Transfer-Encodings",
     with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
    {"Transfer-Encoding with HTTP/1.0",
     "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"a space before the colon", with("Content-Length : 5\r\n")},
    {"a tab before the colon", with("Transfer-Encoding\t: chunked\r\n")},
    {"a folded line", with("X-A: 1\r\n Content-Length: 5\r\n")},
    {"a folded line with a tab", with("X-A: 1\r\n\tTransfer-Encoding: chunked\r\n")},
    {"a folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {"a bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"},
    {"a bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
    {"only bare LFs", "GET / HTTP/1.1\nHost: a\n\n"},
    {"a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {"a bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n"},
    {"a CR before CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
    {"a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"s},
    {"a NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n"s},
    {"a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s},
    {"a control character in a value", with("X: a\x01z\r\n")},
    {"a delete character in a value", with("X: a\x7fz\r\n")},
    {"an empty name", with(": 5\r\n")},
    {"a name with a space", with("Content Length: 5\r\n")},
    {"a name with brackets", with("X[]: 5\r\n")},
    {"a name above ASCII", with("X\xc3\xa4: 5\r\n")},
    {"a line without a colon", with("Content-Length\r\n")},
    {"no Host", "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {"a Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {"two Content-Types", with("Content-Type: text/plain\r\nContent-Type: application/json\r\n")},
    {"two Origins", with("Origin: http://a\r\nOrigin: http://b\r\n")},
    {"a Connection that is no list of tokens", with("Connection: close; x\r\n")},
    {"an Expect that is not known", with("Expect: 200-ok\r\n")},
    {"a target and a Host that differ", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"an absolute target without a path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"an absolute target with a query only", "GET http://a?/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"an absolute target without a host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a target without a slash", "GET v1/events HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"the target of a CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"},
    {"a fragment in the target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a target above ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two spaces after the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a tab after the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"no version", "GET /\r\nHost: a\r\n\r\n"},
    {"a version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {"a version of another protocol", "GET / HTCPCP/1.0\r\nHost: a\r\n\r\n"},
    {"a version with one number", "GET / HTTP/1\r\nHost: a\r\n\r\n"},
    {"a version with more digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", errc::unsupported_version},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", errc::unsupported_version},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", errc::unsupported_version},
    {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", errc::unsupported_version},
};

} // namespace skein::test
