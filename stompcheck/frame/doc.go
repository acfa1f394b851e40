// Package frame reads and writes STOMP 1.2 frames, within limits.
//
// A frame is a command, headers and a body (STOMP 1.2, "Augmented BNF"):
//
//	SEND                            command, then LF or CR LF
//	destination:/exchange/x         header: key, colon, value, line end
//	receipt:id\c1                   escapes \r \n \c \\, in every frame but
//	content-length:2                  CONNECT and CONNECTED
//	                                an empty line ends the headers
//	{}                              body: content-length octets, or up to NUL
//	^@                              NUL; then any number of line ends
//
// [Reader] gives one frame after the other from an io.Reader and keeps nothing
// but its buffers, whose size is bounded by [Limits]: what a header claims is
// compared with the limit before anything is allocated. [Append] writes. Neither
// knows connections, time or what frames mean.
//
// Where the text of STOMP 1.2 leaves a choice, this is the reading here:
//
//   - a colon inside a value is taken as it is ("receivers commonly accept");
//     one written by Append is escaped;
//   - a carriage return that is not part of a line end, a NUL in a command or
//     header, an undefined escape, a header without a colon or with an empty key,
//     text that is not UTF-8, a command that STOMP 1.2 does not have, are errors;
//   - of repeated headers the first is the value;
//   - any frame may have a body, although only SEND, MESSAGE and ERROR should;
//   - a NUL between frames is an error: only line ends may stand there.
//
// After an error a Reader has lost its place in the stream and gives the same
// error again: the connection must be closed.
package frame
