package caching

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Meta is what is stored about a response beside its body. A Meta is immutable
// once it was handed to a [Store] or came from one: many requests share it.
//
// [Meta.AppendBinary] and [ParseMeta] turn it into bytes and back, for stores
// that do not keep it in memory.
type Meta struct {
	// ID tells one stored body from the next under the same key. It is random
	// and stays the same when metadata is updated.
	ID [16]byte

	// URL is the target the response belongs to, without user information and
	// fragment. It is there for purging and inspection.
	URL string

	// Status is the status code, StatusText the reason phrase as it came, Proto
	// the version as in "HTTP/1.1".
	Status     int
	StatusText string
	Proto      string

	// Header holds the fields of the response, hop-by-hop ones left out.
	Header http.Header

	// Trailer holds the trailer fields, if there were any.
	Trailer http.Header

	// RequestTime and ResponseTime are when the request was sent and its answer
	// received (RFC 9111 §4.2.3).
	RequestTime, ResponseTime time.Time

	// Expires is when the entry will be of no more use: its freshness and every
	// time it may be served stale or validated are over. It is a hint for stores
	// with a time to live. The zero time means that it is not known.
	Expires time.Time

	// Extra is what else the Transport has to remember, in a form of its own.
	// Stores keep it as it is.
	Extra []byte

	memo atomic.Pointer[Memo]
}

// Memo is what the user of a [Store] has worked out from a [Meta] and keeps with it. It
// is not stored: who finds none makes it again.
type Memo struct {
	// Value is of no concern to the Store.
	Value any
	// Bytes is about how many bytes of memory Value occupies. A Store in memory counts
	// them when it is given the Meta.
	Bytes int64
}

// Memo returns the last memo that m was given, or nil.
func (m *Meta) Memo() *Memo { return m.memo.Load() }

// SetMemo gives m a memo in place of the one it has. Unlike the fields of m it may be
// set at any time, by many at once. The memo must not be changed afterwards.
func (m *Meta) SetMemo(memo *Memo) { m.memo.Store(memo) }

// Clone returns a copy of m without its memo, whose fields may be changed, as far as their own
// maps and slices are replaced, not written to.
func (m *Meta) Clone() *Meta {
	return &Meta{
		ID: m.ID, URL: m.URL, Status: m.Status, StatusText: m.StatusText, Proto: m.Proto,
		Header: m.Header, Trailer: m.Trailer,
		RequestTime: m.RequestTime, ResponseTime: m.ResponseTime, Expires: m.Expires, Extra: m.Extra,
	}
}

// Format implements [fmt.Formatter]. It prints the status only: URL and fields may hold
// secrets.
func (m *Meta) Format(f fmt.State, _ rune) {
	if m == nil {
		_, _ = io.WriteString(f, "no stored response")
		return
	}
	_, _ = io.WriteString(f, "stored response of status "+strconv.Itoa(m.Status))
}
