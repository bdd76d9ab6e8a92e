package store

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Meta is what is stored of a response beside its body. Its fields must not be changed once it was
// given to a [Store] or came from one: many requests share it.
//
// [Meta.AppendBinary] and [ParseMeta] turn it into bytes and back, for stores that do not keep it
// in memory.
type Meta struct {
	// ID tells one stored body from the next under the same key. It is random, and stays the
	// same when the metadata is updated.
	ID [16]byte

	// URL is the target of the response, without user information and fragment. It is used for
	// purging and inspection.
	URL string

	// Status is the status code, StatusText the reason phrase as it was received, Proto the
	// version, like "HTTP/1.1".
	Status     int
	StatusText string
	Proto      string

	// Header holds the header fields of the response, without those that belong to the
	// connection (RFC 9111 §3.1).
	Header http.Header

	// Trailer holds the trailer fields, if there were any.
	Trailer http.Header

	// RequestTime and ResponseTime are when the request was sent and the response was received
	// (RFC 9111 §4.2.3).
	RequestTime, ResponseTime time.Time

	// Expires is when the entry will be of no more use: it is not fresh, and may neither be
	// served stale nor validated. A Store with a time to live may use it. The zero time means
	// that it is not known.
	Expires time.Time

	// Extra is what else the cache has to remember, in a form of its own. A Store keeps it as it
	// is.
	Extra []byte

	memo atomic.Pointer[Memo]
}

// A Memo is what the user of a [Store] has worked out from a [Meta]. It is kept with the Meta in
// memory, so that it is not worked out for every hit. It is not stored.
type Memo struct {
	// Value is what was worked out. A Store ignores it.
	Value any
	// Bytes is about how many bytes of memory Value takes. A Store in memory counts them when it
	// is given the Meta.
	Bytes int64
}

// Memo returns the last memo that m was given, or nil.
func (m *Meta) Memo() *Memo { return m.memo.Load() }

// SetMemo replaces the memo of m. Unlike the fields of m, a memo may be set at any time, by several
// goroutines at once. The memo must not be changed after that.
func (m *Meta) SetMemo(memo *Memo) { m.memo.Store(memo) }

// Clone returns a copy of m, without its memo. The fields of the copy may be replaced, but not the
// contents of its maps and slices.
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
