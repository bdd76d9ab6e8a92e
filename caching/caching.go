// Package caching is an HTTP cache for clients and proxies: a private or a
// shared one, by RFC 9111.
//
//	client := &http.Client{Transport: &caching.Transport{}}
//
// # Behavior
//
// Responses are stored, reused while they are fresh, validated when they are
// not, and invalidated by requests that change things, as RFC 9111 has it, with
// the extensions of RFC 5861 (stale-while-revalidate, stale-if-error), RFC 8246
// (immutable), RFC 9211 (Cache-Status), RFC 9213 (targeted fields) and RFC 9875
// (groups of responses that Cache-Group-Invalidation invalidates together). A URL may
// have any number of variants (Vary) and of users with responses of their own.
// Ranges are served from stored responses, and parts are combined.
//
// A body streams to the caller and to the store at once, and is stored when it is
// complete: before the caller gets [io.EOF], unless the store takes longer than
// [Transport.StoreWait]. If the caller closes it earlier, up to 64 KiB that are missing are
// read all the same. If it breaks off, the part that came is kept, and the rest is asked for
// next time. Concurrent requests for the same URL share one trip to the origin (see
// [Transport.CollapseWait]). Responses to requests with credentials are kept apart by
// user, whether the request has them or the layer auth below adds them; nothing has to be
// set for that. A response to credentials that a layer below has added, without saying whose
// they are, is not stored.
//
// A store costs a request [Transport.StoreWait] at most, and never the request: after
// that the origin is asked. Only stores that say how long they take ([store.Promiser]),
// such as memory and a directory on a local disk, are called in place. A store that
// keeps failing is left alone for up to a minute. A body that the store loses while it
// is read is completed from the origin, where a strong validator tells that it is the
// same.
//
// # Events
//
// Each request that the cache has to do with is told as lookup (attribute took: how
// long the Store and the decision took), and then as hit, stale, validated, fetch,
// collapse, refuse, pass or bypass. If it has waited for another request or another process,
// that is told as wait (attribute took). What is stored is told as store (attributes size
// and lifetime), what was to be stored and is not as not stored, a failure of the Store as
// store error; pass says why a response is not to be stored. What may no longer be used is
// told as invalidate, suspect (a request that may have changed it has failed), remove or,
// if its group was invalidated, miss. A body that the Store has lost and the origin
// completes is told as resume, a request that is sent again without conditions as refetch,
// work in the background as refresh, and what could not be answered as error. Events with
// errors have level WARN, unless the caller has cancelled the request. See docs/events.md
// for the reasons.
//
// # Place in a chain
//
// Below redirects, so that each hop has its own key; above retry, so that hits
// need no tries and a resumed body is whole; above auth, whose identities it
// asks for (see [Transport.Partition]); below decompress, so that the store
// keeps the bytes that ETag, Vary and Range are about.
//
// # When nothing comes from the cache
//
// Cache-Status on each response and the events of package trace say what was done and
// why. [Transport.Explain] says it of a request that is not sent, and [Transport.Stats]
// counts. The parameter stored of Cache-Status is there only where the length of the body was
// known in advance: of a chunked response the event store tells when it has ended.
// docs/why-no-hits.md in the repository lists the causes, each with the line that
// shows it.
//
// # Limits
//
// A cookie parts users, also one that the Jar of an http.Client adds: each of its values
// has responses of its own. Of a body that breaks off a part is kept from 64 KiB on.
//
// Several ranges in one request are left to the origin. Requests for a part by other
// means (another unit, X-Ms-Range, A-IM) pass the cache by. A request that the caller
// has signed is answered by a stored response while that is fresh. Otherwise it is
// sent as it is, without validators, since the signature may cover them.
//
// What a process has invalidated it does not serve again. Of other processes on the
// same store, one may serve it if the store evicts the record of the invalidation while
// that process fetches the response, if the store cannot replace an entry under a
// condition ([store.Promises]) and both are written at that moment, or while the store
// does not take the invalidation. The invalidation of a group by another process takes
// effect within a second, and is lost if the store evicts its record. A response that
// shares a group with an invalidated one stays, unless the origin names the group (RFC
// 9875 §2.2.1 leaves that open).
// If-Match and If-Unmodified-Since are for the origin to judge, and such requests pass
// the cache by.
//
// # Map
//
// For those who change this package, the way of a request:
//
//	exchange.go      the whole way, in the order of RFC 9111 §4
//	ask.go           what the request asks for, and for which user
//	internal/catalog finds the stored response; internal/guard makes the call to the Store
//	internal/policy  decides: reuse, refresh, fetch or refuse; and later: store or not
//	serve.go         answers with the stored response
//	fetch.go         joins or leads a trip to the origin (internal/collapse); await.go, share.go
//	origin.go        sends, and takes the reply: revalidate.go (304, HEAD), combine.go (206)
//	keep.go          decides about storing; recorder.go commits the body when it is complete,
//	                 mend.go gets what the Store has lost of it
//	conclude.go      the response of the caller, also in place of an error
//	unsafe.go        requests that change something, and what they invalidate
//
// A Cache-Control directive is a row in internal/policy/directives.go. A reason is a line in
// internal/policy/reasons.go, and a case in storable.go (store?) or decide.go (reuse?) beside
// it. A store is a package that implements package store.
package caching

import (
	"cmp"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// DefaultStoreWait is how long a request waits for the Store if [Transport.StoreWait] is
// zero.
const DefaultStoreWait = 250 * time.Millisecond

// Transport is an [http.RoundTripper] that caches. The zero value is a private
// cache in memory.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use. Layers made by one Transport share its store. Several Transports may
// have one Store: what one of them invalidates none of them serves, and with equal
// settings they share trips to the origin.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Store keeps the responses. If nil, or a nil pointer, the Transport has a memory store of its
	// own, of [memorystore.DefaultMaxBytes] bytes.
	Store store.Store

	// StoreWait is how long a request waits for the Store. After that the origin is asked
	// too, and the first answer is used. If zero, [DefaultStoreWait] is used; if negative,
	// the Store is waited for as long as it takes.
	//
	// A Store whose calls fail three times in a row, or are without an answer after four
	// times StoreWait, is left alone for a second, and for up to a minute if that goes on;
	// one call that succeeds ends it. Reading and writing are counted apart.
	//
	// StoreWait has no meaning for a Store that answers at once, see [store.Promiser].
	StoreWait time.Duration

	// Shared makes it a shared cache, as in a proxy: s-maxage, proxy-revalidate and
	// private are obeyed, and the response to a request with credentials is stored only
	// where RFC 9111 §3.5 allows it, for everybody whom its Vary does not exclude. It is
	// not needed for processes that share a Store, nor for a client with several users:
	// see SharePublic.
	Shared bool

	// SharePublic gives everybody, whatever the credentials, the responses that say
	// "Cache-Control: public" themselves, with a status of 2xx, 301 or 308. It helps
	// clients whose jar or load balancer changes a cookie with every response. If
	// false, credentials part users whatever a response says, so that an origin which
	// calls private things public costs hits and not secrets.
	//
	// s-maxage and must-revalidate do not count as public; private, no-cache, a list
	// that does not parse or a Vary that names a field with credentials cancel it. Until
	// such a response is stored, the requests of different users do not share a trip. A
	// Set-Cookie is given only to the user to whom the origin has sent it. Partition
	// and [WithTTL] override SharePublic, and a shared cache has its own rule (RFC 9111
	// §3.5).
	SharePublic bool

	// IgnoreETag leaves entity tags out of validation. Last-Modified remains.
	IgnoreETag bool

	// Partition returns whose cache a request belongs to: requests with different
	// results never see each other's responses. The result is hashed. [ForUser] and
	// [BySigningKey] are ready ones.
	//
	// If nil, it is decided by the request's Authorization (but not in a shared cache),
	// Cookie, X-Api-Key and all other fields whose names look like those of
	// credentials, and by what the layers below say whose credentials they would add
	// (tripper.Identifier). The response to credentials that other layers below have
	// added is not stored. A layer that hides what it has sent, and a client
	// certificate of a foreign transport, cannot be noticed: there Partition is needed.
	Partition func(*http.Request) string

	// MaxBody is the largest body in bytes that is stored. Zero means no limit
	// but the store's.
	MaxBody int64

	// CollapseWait is how long a request waits for the head of the response to
	// another caller's request for the same URL before it is sent itself; once the
	// head is there its body is shared without a bound. Requests for a path, whatever
	// the query, whose answers take longer and are not stored (long polls) do not wait
	// for one another for a while. If zero, [DefaultCollapseWait] is used. A negative
	// value means no bound.
	CollapseWait time.Duration

	// NoHeuristics keeps responses that do not state their freshness from being
	// taken for fresh (RFC 9111 §4.2.2). Set it in a program that polls for changes: what was
	// last modified ten days ago is otherwise not asked for again for a day.
	NoHeuristics bool

	// HeuristicFraction is the part of the time since it was last modified that such
	// a response is taken for fresh. If zero, [DefaultHeuristicFraction] is used.
	HeuristicFraction float64

	// HeuristicMax bounds the freshness of responses that do not state it.
	// If zero, [DefaultHeuristicMax] is used.
	HeuristicMax time.Duration

	// Targeted lists fields that steer this cache in place of Cache-Control, such
	// as "CDN-Cache-Control" (RFC 9213): the first one present wins.
	Targeted []string

	// StaleWhileRevalidate is how long a stale response is served while it is
	// validated, if it does not say so itself. If zero, it is not.
	StaleWhileRevalidate time.Duration

	// StaleIfError is how long a stale response is served in place of an error, if
	// it does not say so itself. If zero, that is [DefaultStaleIfError] when the
	// origin cannot be reached, and not at all when it answers with a status of
	// 500, 502, 503 or 504. If negative, neither.
	StaleIfError time.Duration

	// StatusTTL is how long responses that do not state their freshness are fresh,
	// by status: a cache of negative answers, for example of 404.
	StatusTTL map[int]time.Duration

	// TTL returns how long a response is fresh, whatever it says; zero leaves it
	// as it is, a negative result keeps the response from being stored. If nil,
	// every response is left as it is. It must not read the body.
	TTL func(*http.Response) time.Duration

	// ShouldStore is asked about each response that could be stored. If nil, all
	// of them are. It must not read the body.
	ShouldStore func(*http.Response) bool

	// ObeyNoVarySearch lets URLs share a response if their queries differ only in what
	// its No-Vary-Search field says does not matter. If false, the field is ignored.
	ObeyNoVarySearch bool

	// CacheQuery caches the responses to QUERY requests, whose content is part of the
	// key. If false, QUERY passes the cache by.
	CacheQuery bool

	// Compat has it behave as other HTTP caches in what RFC 9111 decides otherwise. The
	// zero value changes nothing.
	Compat Compat

	// Name is what this cache calls itself in Cache-Status. If empty,
	// [DefaultName] is used.
	Name string

	once sync.Once
	st   *state
	// wrapped is the way of the latest layer that Wrap has made, for Explain.
	wrapped atomic.Pointer[route]
}

// Compat holds what programs that move from another HTTP cache may depend on.
type Compat struct {
	// OnlyIfCachedServesStale answers requests with Cache-Control: only-if-cached
	// from stale responses too, as httplib2 does. RFC 9111 §5.2.1.7 wants 504.
	OnlyIfCachedServesStale bool

	// InvalidateOnError removes the responses stored for the target of an unsafe request
	// even if it fails, as httplib2 does. If false, they are validated before they are
	// used again; after an error status those without a validator remain.
	InvalidateOnError bool

	// XFromCache sets X-From-Cache: 1 on responses from the cache, as
	// gregjones/httpcache does. [FromCache] tells the same.
	XFromCache bool

	// ShowKey adds the key of the response to Cache-Status (RFC 9211 §2.7), which is
	// the hash that the Store has it under.
	ShowKey bool
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	st := t.state()
	return st.roundTrip(req, st.base)
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	r := newRoute(next)
	t.wrapped.Store(r)
	return roundtrip.Bind(func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return t.state().roundTrip(req, r)
	}, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

// Close waits for validations in the background and for responses that are being stored,
// for a few seconds at most, and cancels them then. It does not close the Store, which may
// be closed afterwards. Later requests are served, but start nothing in the background.
func (t *Transport) Close() error {
	t.state().background.close()
	return nil
}

// A route is the way to the origin of one layer that the Transport is.
type route struct {
	next http.RoundTripper
	// signers are the layers of next that say whose credentials they add.
	signers *roundtrip.Identifiers
	// foreign is true if other layers of next have added credentials too.
	foreign atomic.Bool
}

func newRoute(next http.RoundTripper) *route {
	next = roundtrip.Or(next)
	return &route{next: next, signers: roundtrip.IdentifiersOf(next)}
}

// Defaults of the times that responses do not state themselves, and of the name.
const (
	// DefaultHeuristicFraction is 0.1, the example of RFC 9111 §4.2.2.
	DefaultHeuristicFraction = policy.DefaultHeuristicFraction
	// DefaultHeuristicMax is the longest time a response is fresh without having
	// said so, a week (see [Transport.HeuristicMax]).
	DefaultHeuristicMax = policy.DefaultHeuristicMax
	// DefaultPermanent is how long a 301 or 308 is fresh that says nothing about
	// it, if [Transport.NoHeuristics] is not set: a day.
	DefaultPermanent = policy.DefaultPermanent
	// DefaultStaleIfError is how long after it went stale a response is served
	// when the origin cannot be reached, a day (see [Transport.StaleIfError]).
	DefaultStaleIfError = policy.DefaultStaleIfError
	// DefaultName is the name this cache gives itself in Cache-Status, "tripper", if
	// [Transport.Name] is empty.
	DefaultName = policy.DefaultName
)

func (t *Transport) settings() *policy.Settings {
	return policy.Settings{
		Shared: t.Shared, SharePublic: t.SharePublic && !t.Shared && t.Partition == nil,
		NoHeuristics: t.NoHeuristics, HeuristicFraction: t.HeuristicFraction, HeuristicMax: t.HeuristicMax, StatusTTL: t.StatusTTL,
		StaleWhileRevalidate: t.StaleWhileRevalidate, StaleIfError: t.StaleIfError, StaleOnlyIfCached: t.Compat.OnlyIfCachedServesStale,
		IgnoreETag: t.IgnoreETag, Targeted: t.Targeted, MaxBody: t.MaxBody, Name: t.Name, ShowKey: t.Compat.ShowKey,
	}.Complete()
}

// state is what a Transport has besides its settings, together with the state of its Store.
type state struct {
	*storeState
	*catalog.Catalog
	t    *Transport
	base *route

	// statusMemo has texts of Cache-Status: one cache needs few different ones.
	statusMemo catalog.TextMemo[policy.CacheStatus]
	background background
}

func (t *Transport) state() *state {
	t.once.Do(func() {
		store := t.Store
		if roundtrip.IsNil(store) {
			store = memorystore.New(memorystore.DefaultMaxBytes)
		}
		known := stateOf(store)
		st := &state{
			storeState: known, t: t, base: newRoute(roundtrip.Late(t, t.Base)),
		}
		st.Catalog = catalog.New(&known.catalog, known.inUse.same(t.settings()), t.ObeyNoVarySearch, known.Backend, guard.Options{
			Wait: cmp.Or(t.StoreWait, DefaultStoreWait), Back: st.writeBack, Later: st.later,
		})
		t.st = st
	})
	return t.st
}
