package caching

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Purge removes the responses that are stored for target: all variants, for all users.
// Responses that are being stored meanwhile are dropped. The bytes of those of users and variants
// stay in the Store until they are overwritten or evicted; [Transport.PurgePrefix] deletes them.
func (t *Transport) Purge(ctx context.Context, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return errors.New("caching: purge: not a URL")
	}
	if u.Host == "" || !web(u.Scheme) {
		return errors.New("caching: purge: not an absolute http or https URL")
	}
	st := t.state()
	req := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(ctx)
	q := st.Query(req)
	q.SetUser("", false)
	if err := st.invalidate(ctx, &q, policy.Changed); err != nil {
		return fmt.Errorf("caching: purge: %w", err)
	}
	return nil
}

// PurgePrefix removes the responses that are stored for all URLs that begin with prefix, as
// in "https://example.com/articles/". It needs a [store.Store] that is a [store.Lister].
// Responses that are being stored meanwhile are dropped, whatever their URL.
func (t *Transport) PurgePrefix(ctx context.Context, prefix string) error {
	if u, err := url.Parse(prefix); err == nil && u.Host != "" {
		o := roundtrip.OriginOf(u)
		if at := strings.Index(prefix, "://"); at > 0 {
			rest := prefix[at+3:]
			prefix = string(catalog.AppendURL(nil, &url.URL{Scheme: o.Scheme, Host: u.Host}, ""))
			if end := strings.IndexAny(rest, "/?#"); end >= 0 {
				prefix = strings.TrimSuffix(prefix, "/") + rest[end:]
			}
		}
	}
	st := t.state()
	st.InvalidateAll()
	return st.PurgeEntries(ctx, func(l catalog.Listed) bool { return strings.HasPrefix(l.Meta.URL, prefix) })
}

// PurgeAll removes all stored responses, and drops those that are being stored meanwhile.
// It needs a [store.Store] that is a [store.Lister].
func (t *Transport) PurgeAll(ctx context.Context) error {
	st := t.state()
	st.InvalidateAll()
	return st.PurgeEntries(ctx, func(catalog.Listed) bool { return true })
}

// PurgeGroup removes the stored responses of the origin, as in "https://example.com", that
// name group in Cache-Groups, as a response with Cache-Group-Invalidation does (RFC 9875).
// Those that are being stored meanwhile are dropped. A [store.Store] that is no
// [store.Lister] keeps the bytes until they are asked for or evicted.
func (t *Transport) PurgeGroup(ctx context.Context, origin, group string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !web(u.Scheme) {
		return errors.New("caching: purge: not an http or https origin")
	}
	st := t.state()
	req := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(ctx)
	q := st.Query(req)
	return q.PurgeGroup(ctx, u, group)
}

// PurgeFunc removes the stored responses for which match returns true. It needs a
// [store.Store] that is a [store.Lister]. match must not call methods of t. Responses that
// are still being stored are not passed to match.
func (t *Transport) PurgeFunc(ctx context.Context, match func(Stored) bool) error {
	st := t.state()
	return st.Purge(ctx, func(l catalog.Listed) bool { return match(storedOf(l)) })
}

// Stored describes a stored response. Its prints hold no URL.
type Stored struct {
	// Key is the key that the [store.Store] has it under, a hash. The users and variants of one URL
	// have a key each.
	Key    string
	URL    string
	Status int
	// Size is that of the body in bytes.
	Size int64
	// Header holds the stored fields.
	Header http.Header
	// Received is when it came, or was last confirmed.
	Received time.Time
	// FreshUntil is when it goes stale, or went.
	FreshUntil time.Time
}

// Format implements [fmt.Formatter], as that of a Meta.
func (s Stored) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprint(f, "stored response of status ", s.Status)
}

func storedOf(l catalog.Listed) Stored {
	m, f := l.Meta, l.F
	return Stored{
		Key: f.Key, URL: m.URL, Status: m.Status, Size: l.Size, Header: m.Header.Map(), Received: m.ResponseTime, FreshUntil: f.Born.Add(f.Lifetime),
	}
}

// All goes through the stored responses, in no order. It needs a [store.Store] that
// is a [store.Lister]: without one, or when that fails, there is one pair with an
// error.
func (t *Transport) All(ctx context.Context) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		st := t.state()
		for e, err := range st.List(ctx) {
			if err != nil {
				yield(Stored{}, err)
				return
			}
			if !yield(storedOf(e), nil) {
				return
			}
		}
	}
}
