package caching

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// info is where a response came from. It travels in the context of
// [http.Response.Request], where no server can reach.
type info uint8

type (
	infoKey   struct{}
	storedKey struct{}
)

var (
	infoOrigin = new(info)
	infoStored = new(info)
	// infoConfirmed is infoStored with cookies that the origin has just set.
	infoConfirmed = new(info)
	// infoShared is what the origin sent to another request.
	infoShared = new(info)
)

// infoContext is a context that says where a response came from.
type infoContext struct {
	context.Context
	info *info
	// What follows is known of stored responses only.
	f         *catalog.Memo
	age       time.Duration
	validated bool
}

// Value implements [context.Context].
func (c *infoContext) Value(key any) any {
	switch key {
	case infoKey{}:
		return c.info
	case storedKey{}:
		return c
	case roundtrip.Repeats:
		return c.info == infoStored || c.info == infoShared
	}
	return c.Context.Value(key)
}

// FromCache reports whether resp is a stored response: a fresh one, a stale one, or one
// that the origin confirmed. It is false if the origin sent the body for this request, or
// for another one that this request has waited for. [InfoOf] tells more.
func FromCache(resp *http.Response) bool {
	if resp == nil || resp.Request == nil {
		return false
	}
	from := resp.Request.Context().Value(infoKey{})
	return from == infoStored || from == infoConfirmed
}

// Info describes a stored response that was served.
type Info struct {
	// Age is the age of the response when it was served (RFC 9111 §4.2.3).
	Age time.Duration
	// Fresh is how much longer it was fresh then: negative if it was stale, and by
	// how much.
	Fresh time.Duration
	// Source says what its lifetime comes from, in a phrase: "max-age", "heuristic".
	Source string
	// Validated is true if the origin was asked whether it is still right.
	Validated bool
	// Key is the key the [store.Store] has it under.
	Key string
}

// InfoOf describes resp, if it is a stored response (see [FromCache]). No server can forge
// it.
func InfoOf(resp *http.Response) (info Info, ok bool) {
	if !FromCache(resp) {
		return Info{}, false
	}
	c, ok := resp.Request.Context().Value(storedKey{}).(*infoContext)
	if !ok || c.f == nil {
		return Info{}, false
	}
	return Info{Age: c.age, Fresh: c.f.Lifetime - c.age, Source: c.f.Source.String(), Validated: c.validated, Key: c.f.Key}, true
}
