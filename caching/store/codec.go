package store

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/caching/internal/wire"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// metaVersion is the first byte of an encoded Meta. A reader takes no other.
const metaVersion = 2

// AppendBinary implements [encoding.BinaryAppender]: it appends m to b in the form that [ParseMeta]
// reads. It never returns an error. The form has a version and is the same on every machine. It has
// no checksum: a Store adds its own.
func (m *Meta) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, metaVersion)
	b = append(b, m.ID[:]...)
	b = binary.AppendUvarint(b, uint64(m.Version))
	b = binary.AppendUvarint(b, uint64(m.Status)) //nolint:gosec // a status code is never negative; a wrong one is refused by ParseMeta
	b = wire.AppendString(b, m.URL)
	b = wire.AppendString(b, m.StatusText)
	b = wire.AppendString(b, m.Proto)
	b = appendTime(b, m.RequestTime)
	b = appendTime(b, m.ResponseTime)
	b = appendTime(b, m.Expires)
	b = appendHeader(b, m.Header)
	b = appendHeader(b, m.Trailer)
	return wire.AppendString(b, m.Extra), nil
}

// ParseMeta reads what [Meta.AppendBinary] appended. It does not trust b: if b is cut short, too
// long, of another version, or holds what HTTP does not allow, the error wraps [ErrCorrupt]. The
// result does not refer to b.
func ParseMeta(b []byte) (*Meta, error) {
	if len(b) == 0 || b[0] != metaVersion {
		return nil, fmt.Errorf("%w: metadata of another version", ErrCorrupt)
	}
	d := wire.NewDecoder(b[1:])
	d.Share()
	m := &Meta{}
	copy(m.ID[:], d.Bytes(len(m.ID)))
	m.Version = Version(d.Uvarint())
	status := d.Uvarint()
	m.URL = d.String()
	m.StatusText = d.String()
	m.Proto = d.String()
	m.RequestTime = readTime(&d)
	m.ResponseTime = readTime(&d)
	m.Expires = readTime(&d)
	m.Header = readHeader(&d)
	m.Trailer = readHeader(&d)
	_, _, okProto := http.ParseHTTPVersion(m.Proto)
	if extra := d.Bytes(d.Length()); len(extra) > 0 {
		m.Extra = slices.Clone(extra)
	}
	switch {
	case !d.Done():
		return nil, fmt.Errorf("%w: metadata of another length", ErrCorrupt)
	case status < 100 || status > 999:
		return nil, fmt.Errorf("%w: status code out of range", ErrCorrupt)
	case !okProto || !httpfield.IsValue(m.StatusText) || !httpfield.IsValue(m.URL):
		return nil, fmt.Errorf("%w: not a status line", ErrCorrupt)
	case !httpfield.IsHeader(m.Header) || !httpfield.IsHeader(m.Trailer):
		return nil, fmt.Errorf("%w: not a header field", ErrCorrupt)
	}
	m.Status = int(status) //nolint:gosec // checked above
	return m, nil
}

// appendTime appends the seconds since 1970 and the nanoseconds of t. The zero time of package time
// is no exception.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond())) //nolint:gosec // 0 to 999999999
}

// appendHeader appends the fields sorted by name, so that equal metadata has equal bytes.
func appendHeader(b []byte, h http.Header) []byte {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = wire.AppendString(b, name)
		b = binary.AppendUvarint(b, uint64(len(h[name])))
		for _, v := range h[name] {
			b = wire.AppendString(b, v)
		}
	}
	return b
}

func readTime(d *wire.Decoder) time.Time {
	sec, nsec := d.Varint(), d.Uvarint()
	if nsec >= uint64(time.Second) {
		d.Fail()
		return time.Time{}
	}
	t := time.Unix(sec, int64(nsec)).UTC() //nolint:gosec // checked above
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

func readHeader(d *wire.Decoder) http.Header {
	n := d.Length()
	if n == 0 || d.Failed() {
		return nil
	}
	h := make(http.Header, min(n, 64))
	values := make([]string, 0, min(n, 64)) // of all fields, most of which have one
	for range n {
		name := d.String()
		first := len(values)
		for range d.Length() {
			values = append(values, d.String())
		}
		if d.Failed() {
			return nil
		}
		h[name] = values[first:len(values):len(values)]
	}
	return h
}
