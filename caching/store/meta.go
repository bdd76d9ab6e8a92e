package store

import (
	"fmt"
	"io"
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
	Header Fields

	// Trailer holds the trailer fields, if there were any.
	Trailer Fields

	// RequestTime and ResponseTime are when the request was sent and the response was received
	// (RFC 9111 §4.2.3).
	RequestTime, ResponseTime time.Time

	// Expires is when the entry will be of no more use: it is not fresh, and may neither be
	// served stale nor validated. A Store with a time to live may use it. The zero time means
	// that it is not known.
	Expires time.Time

	// Version tells one state of the entry from the next. The cache makes a new one for each
	// write that others must notice. Zero is no version.
	Version Version

	// Replaces is a condition of the Commit or Update that is given the Meta: what is stored under
	// the key has this Version. If zero, there is no condition; if [Absent], nothing may be stored
	// there. If the condition does not hold, nothing changes, and the error wraps [ErrConflict].
	// Update always obeys it, Commit if the Store says so ([Promises.Swaps]). It is not stored, and
	// has no meaning in a Meta that comes from a Store.
	Replaces Version

	// Extra is what else the cache has to remember, in bytes of a form of its own. A Store keeps it
	// as it is.
	Extra string

	memo atomic.Pointer[Memo]
}

// A Version is the value of [Meta.Version]: a random number.
type Version uint64

// Absent is the [Meta.Replaces] of a write that is made only if nothing is stored under the key.
const Absent Version = 1<<64 - 1

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

// Clone returns a copy of m, without its memo and Replaces. The fields of the copy may be replaced.
func (m *Meta) Clone() *Meta {
	c := new(Meta)
	m.copyTo(c)
	return c
}

// CopyTo makes to, which is new, a copy of m with its memo and without Replaces, for a Store that has
// its own memory for metadata.
func (m *Meta) CopyTo(to *Meta) {
	m.copyTo(to)
	to.SetMemo(m.Memo())
}

func (m *Meta) copyTo(to *Meta) {
	to.ID, to.URL, to.Status, to.StatusText, to.Proto = m.ID, m.URL, m.Status, m.StatusText, m.Proto
	to.Header, to.Trailer, to.Extra = m.Header, m.Trailer, m.Extra
	to.RequestTime, to.ResponseTime, to.Expires, to.Version = m.RequestTime, m.ResponseTime, m.Expires, m.Version
}

// Updates reports whether an Update may put m in place of now, the metadata of the entry under the
// key: it has the same ID, and m follows it. now is nil if nothing is stored.
func (m *Meta) Updates(now *Meta) bool {
	return now != nil && m.ID == now.ID && m.Follows(now)
}

// Follows reports whether m may be written where now is the metadata of the entry under the key, as
// far as [Meta.Replaces] says. now is nil if nothing is stored.
func (m *Meta) Follows(now *Meta) bool {
	switch {
	case m.Replaces == 0:
		return true
	case now == nil:
		return m.Replaces == Absent
	}
	return m.Replaces == now.Version
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
