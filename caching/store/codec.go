package store

import (
	"encoding/binary"
	"fmt"
	"net/http"
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
	b = appendFields(b, m.Header)
	b = appendFields(b, m.Trailer)
	return wire.AppendString(b, m.Extra), nil
}

// ParseMeta reads what [Meta.AppendBinary] appended. It does not trust b: if b is cut short, too
// long, of another version, or holds what HTTP does not allow, the error wraps [ErrCorrupt]. The
// result does not refer to b; its strings are parts of one.
func ParseMeta(b []byte) (*Meta, error) {
	if len(b) == 0 || b[0] != metaVersion {
		return nil, fmt.Errorf("%w: metadata of another version", ErrCorrupt)
	}
	d := wire.NewDecoder(b[1:])
	m := &Meta{}
	copy(m.ID[:], d.Take(len(m.ID)))
	m.Version = Version(d.Uvarint())
	status := d.Uvarint()
	m.URL = d.String()
	m.StatusText = d.String()
	m.Proto = d.String()
	m.RequestTime = readTime(&d)
	m.ResponseTime = readTime(&d)
	m.Expires = readTime(&d)
	m.Header = readFields(&d)
	m.Trailer = readFields(&d)
	_, _, okProto := http.ParseHTTPVersion(m.Proto)
	m.Extra = d.String()
	switch {
	case !d.Done():
		return nil, fmt.Errorf("%w: metadata of another length, or no header fields", ErrCorrupt)
	case status < 100 || status > 999:
		return nil, fmt.Errorf("%w: status code out of range", ErrCorrupt)
	case !okProto || !httpfield.IsValue(m.StatusText) || !httpfield.IsValue(m.URL):
		return nil, fmt.Errorf("%w: not a status line", ErrCorrupt)
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
