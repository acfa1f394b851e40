package frame

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	r     *bufio.Reader
	lim   Limits
	frame Frame
	line  []byte // the rest of a line that did not fit into r's buffer
	body  []byte
	rest  []byte // where the reading of a frame ended with an error
	err   error
}

// maxRest bounds what is kept of the text in which an error lies.
const maxRest = 500

// readBuffer is the size of the buffer below a Reader: a few small frames.
const readBuffer = 4096

// NewReader returns a Reader of r.
func NewReader(r io.Reader, lim Limits) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, readBuffer), lim: lim.withDefaults()}
}

// Buffered returns how many bytes were received and not yet read as frames.
func (r *Reader) Buffered() int { return r.r.Buffered() }

// Next reads the next frame, skipping line ends before it. The frame belongs to
// the Reader and is valid until the next call.
//
// The error is io.EOF if the stream ends between frames, io.ErrUnexpectedEOF if
// it ends inside one, a *[SyntaxError], a *[LimitError], or what the stream
// returned. It stays the same for all later calls.
func (r *Reader) Next() (*Frame, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.next(); err != nil {
		r.err = err
		return nil, err
	}
	return &r.frame, nil
}

// Unfinished returns, after an error of Next inside a frame, what was read of
// it: its command ("" if that was not read) and the headers before the error,
// and the beginning of the text in which the error lies: a header line as it was
// written, or a body. It is for saying what the other side meant.
func (r *Reader) Unfinished() (f *Frame, rest []byte) { return &r.frame, r.rest }

// failIn notes where an error lies.
func (r *Reader) failIn(text []byte, err error) error {
	r.rest = bytes.Clone(text[:min(len(text), maxRest)])
	return err
}

func (r *Reader) next() error {
	if err := r.skipLineEnds(); err != nil {
		return err // io.EOF here is a clean end
	}
	if err := r.readFrame(); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// skipLineEnds skips what may stand between frames: LF and CR LF. It returns
// with the first byte of a command unread.
func (r *Reader) skipLineEnds() error {
	for {
		b, err := r.r.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case '\n':
			continue
		case '\r':
			b, err := r.r.ReadByte()
			if err != nil {
				if errors.Is(err, io.EOF) {
					return io.ErrUnexpectedEOF
				}
				return err
			}
			if b != '\n' {
				return &SyntaxError{"found a carriage return without a line feed between frames"}
			}
			continue
		}
		return r.r.UnreadByte()
	}
}

func (r *Reader) readFrame() error {
	f := &r.frame
	f.Command, f.headers, f.text, f.Body = "", f.headers[:0], f.text[:0], nil

	line, _, err := r.readLine(maxCommand+len("\r\n"), "bytes of a command")
	if err != nil && !isLimit(err) {
		return err
	}
	if f.Command = command(line); f.Command == "" {
		return &SyntaxError{fmt.Sprintf("found %q, expected a command of STOMP 1.2", clip(line))}
	}
	total := 0
	for {
		line, n, err := r.readLine(r.lim.Headers-total, "bytes of headers")
		if err != nil {
			var tooLong *LimitError
			if errors.As(err, &tooLong) {
				tooLong.Limit = r.lim.Headers
			}
			return r.failIn(line, err)
		}
		total += n
		if len(line) == 0 {
			break
		}
		if len(f.headers) == r.lim.HeaderLines {
			return r.failIn(line, &LimitError{"header lines", r.lim.HeaderLines})
		}
		if err := r.addHeader(line); err != nil {
			return r.failIn(line, err)
		}
	}
	return r.readBody()
}

func isLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// readLine reads up to a line feed and returns the line without its end, which
// is LF or CR LF, and the number of bytes read. The line is valid until the next
// read. With a *LimitError it is what was read of it.
func (r *Reader) readLine(limit int, what string) (line []byte, n int, err error) {
	line, err = r.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		r.line = r.line[:0]
		for err == bufio.ErrBufferFull && len(r.line) <= limit {
			r.line = append(r.line, line...)
			line, err = r.r.ReadSlice('\n')
		}
		r.line = append(r.line, line...)
		line = r.line
	}
	n = len(line)
	if n > limit {
		return line, n, &LimitError{what, limit}
	}
	if err != nil {
		return nil, n, err
	}
	line = line[:n-1]
	if k := len(line) - 1; k >= 0 && line[k] == '\r' {
		line = line[:k]
	}
	return line, n, nil
}

// addHeader takes a line "key:value" apart and appends it, unescaped, to the
// frame.
func (r *Reader) addHeader(line []byte) error {
	key, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return &SyntaxError{fmt.Sprintf("found the header %q, expected a colon in it", clip(line))}
	}
	if len(key) == 0 {
		return &SyntaxError{fmt.Sprintf("found the header %q, expected a key before the colon", clip(line))}
	}
	if len(key) > r.lim.HeaderField {
		return &LimitError{"bytes of a header's key", r.lim.HeaderField}
	}
	if len(value) > r.lim.HeaderField {
		return &LimitError{"bytes of a header's value", r.lim.HeaderField}
	}
	if !utf8.Valid(line) {
		return &SyntaxError{fmt.Sprintf("found the header %q, expected UTF-8", clip(line))}
	}
	f := &r.frame
	s := span{key: len(f.text)}
	var err error
	if f.text, err = appendUnescaped(f.text, key, escapes(f.Command)); err != nil {
		return err
	}
	s.value = len(f.text)
	if f.text, err = appendUnescaped(f.text, value, escapes(f.Command)); err != nil {
		return err
	}
	s.end = len(f.text)
	f.headers = append(f.headers, s)
	return nil
}

func appendUnescaped(dst, src []byte, unescape bool) ([]byte, error) {
	for i := 0; i < len(src); i++ {
		switch b := src[i]; {
		case b == '\r' || b == 0:
			return dst, &SyntaxError{fmt.Sprintf("found the byte %#02x in the header text %q, expected none", b, clip(src))}
		case b == '\\' && unescape:
			i++
			if i == len(src) {
				return dst, &SyntaxError{fmt.Sprintf("found a single backslash at the end of %q, expected an escape", clip(src))}
			}
			switch src[i] {
			case 'r':
				dst = append(dst, '\r')
			case 'n':
				dst = append(dst, '\n')
			case 'c':
				dst = append(dst, ':')
			case '\\':
				dst = append(dst, '\\')
			default:
				return dst, &SyntaxError{fmt.Sprintf(`found the undefined escape %q in a header, expected \r, \n, \c or \\`, src[i-1:i+1])}
			}
		default:
			dst = append(dst, b)
		}
	}
	return dst, nil
}

func (r *Reader) readBody() error {
	if v, ok := r.frame.get("content-length"); ok {
		n, err := parseLength(v, r.lim.Body)
		if err != nil {
			// What there is of the body; more is not waited for.
			body, _ := r.r.Peek(min(r.r.Buffered(), maxRest))
			return r.failIn(body, err)
		}
		if cap(r.body) < n {
			r.body = make([]byte, n)
		}
		r.body = r.body[:n]
		if _, err := io.ReadFull(r.r, r.body); err != nil {
			return err
		}
		b, err := r.r.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return &SyntaxError{fmt.Sprintf("found the byte %#02x after a body of content-length %d, expected NUL", b, n)}
		}
		r.frame.Body = r.body
		return nil
	}
	r.body = r.body[:0]
	for {
		part, err := r.r.ReadSlice(0)
		if len(r.body)+len(part) > r.lim.Body+1 {
			return r.failIn(append(r.body, part...), &LimitError{"bytes of a body", r.lim.Body})
		}
		r.body = append(r.body, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return err
		}
		r.frame.Body = r.body[:len(r.body)-1]
		return nil
	}
}

// parseLength reads a content-length: digits and nothing else.
func parseLength(v []byte, limit int) (int, error) {
	if len(v) == 0 || len(bytes.Trim(v, "0123456789")) != 0 {
		return 0, &SyntaxError{fmt.Sprintf("found the content-length %q, expected digits", clip(v))}
	}
	n, err := strconv.ParseUint(string(v), 10, 63)
	if err != nil || n > uint64(limit) {
		return 0, &LimitError{"bytes of a body", limit}
	}
	return int(n), nil
}

// clip shortens hostile text for an error.
func clip(b []byte) []byte {
	const most = 60
	if len(b) > most {
		return append(append(make([]byte, 0, most+3), b[:most]...), "…"...)
	}
	return b
}
