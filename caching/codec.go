package caching

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// metaVersion is the first byte of an encoded Meta. A reader takes no other.
const metaVersion = 1

// AppendBinary appends m in the form that [ParseMeta] reads to b and returns
// the result. It never fails. The form is versioned and the same on every
// machine; it has no checksum, which is for the Store to add.
func (m *Meta) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, metaVersion)
	b = append(b, m.ID[:]...)
	b = binary.AppendUvarint(b, uint64(m.Status)) //nolint:gosec // a status code is never negative; a wrong one is refused by ParseMeta
	b = appendString(b, m.URL)
	b = appendString(b, m.StatusText)
	b = appendString(b, m.Proto)
	b = appendTime(b, m.RequestTime)
	b = appendTime(b, m.ResponseTime)
	b = appendTime(b, m.Expires)
	b = appendHeader(b, m.Header)
	b = appendHeader(b, m.Trailer)
	return appendString(b, m.Extra), nil
}

// ParseMeta reads what [Meta.AppendBinary] wrote. It takes b as untrusted: what
// is cut short, too long, of another version or not what HTTP allows is an
// error wrapping [ErrCorrupt]. The result does not refer to b.
func ParseMeta(b []byte) (*Meta, error) {
	if len(b) == 0 || b[0] != metaVersion {
		return nil, fmt.Errorf("%w: metadata of another version", ErrCorrupt)
	}
	d := decoder{b: b[1:]}
	m := &Meta{}
	copy(m.ID[:], d.bytes(len(m.ID)))
	status := d.uvarint()
	m.URL = d.string()
	m.StatusText = d.string()
	m.Proto = d.string()
	m.RequestTime = d.time()
	m.ResponseTime = d.time()
	m.Expires = d.time()
	m.Header = d.header()
	m.Trailer = d.header()
	if extra := d.bytes(d.length()); len(extra) > 0 {
		m.Extra = slices.Clone(extra)
	}
	switch {
	case d.bad:
		return nil, fmt.Errorf("%w: metadata cut short", ErrCorrupt)
	case len(d.b) != 0:
		return nil, fmt.Errorf("%w: bytes after the metadata", ErrCorrupt)
	case status < 100 || status > 999:
		return nil, fmt.Errorf("%w: status code out of range", ErrCorrupt)
	case !validProto(m.Proto) || !validText(m.StatusText) || !validText(m.URL):
		return nil, fmt.Errorf("%w: not a status line", ErrCorrupt)
	case !validHeader(m.Header) || !validHeader(m.Trailer):
		return nil, fmt.Errorf("%w: not a header field", ErrCorrupt)
	}
	m.Status = int(status) //nolint:gosec // checked above
	return m, nil
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendTime writes seconds and nanoseconds of t in UTC; the zero time is the
// zero of time.Time, not of Unix.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond())) //nolint:gosec // 0 to 999999999
}

// appendHeader writes the fields sorted by name, so that equal metadata has
// equal bytes.
func appendHeader(b []byte, h http.Header) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendString(b, name)
		b = binary.AppendUvarint(b, uint64(len(h[name])))
		for _, v := range h[name] {
			b = appendString(b, v)
		}
	}
	return b
}

// decoder reads from b what the append functions wrote. After the first
// failure bad is true and every result is a zero. It never allocates more than
// a small multiple of what it has yet to read.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() {
	d.bad, d.b = true, nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads a count of things of at least one byte each.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(v) //nolint:gosec // not larger than a length
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail()
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) byte() byte {
	if s := d.bytes(1); len(s) == 1 {
		return s[0]
	}
	return 0
}

func (d *decoder) string() string { return string(d.bytes(d.length())) }

func (d *decoder) time() time.Time {
	sec, nsec := d.varint(), d.uvarint()
	if nsec >= uint64(time.Second) {
		d.fail()
		return time.Time{}
	}
	t := time.Unix(sec, int64(nsec)).UTC() //nolint:gosec // checked above
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

func (d *decoder) header() http.Header {
	n := d.length()
	if n == 0 || d.bad {
		return nil
	}
	h := make(http.Header, min(n, 64))
	for range n {
		name := d.string()
		count := d.length()
		values := make([]string, 0, min(count, 16))
		for range count {
			values = append(values, d.string())
		}
		if d.bad {
			return nil
		}
		h[name] = values
	}
	return h
}

func validProto(s string) bool {
	_, _, ok := http.ParseHTTPVersion(s)
	return ok
}

func validHeader(h http.Header) bool {
	for name, values := range h {
		if !httpfield.IsToken(name) {
			return false
		}
		for _, v := range values {
			if !validText(v) {
				return false
			}
		}
	}
	return true
}

// validText reports whether s may stand in a line of a message: it has no
// control characters but HTAB (RFC 9110 §5.5).
func validText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
