package caching

import (
	"sync/atomic"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// statusMemo remembers the texts of some values of Cache-Status: one cache needs few
// different ones.
type statusMemo [16]atomic.Pointer[statusText]

type statusText struct {
	policy.CacheStatus
	text string
}

// text returns s as the list member with the name of the cache. The name must be the same
// in every call.
func (r *statusMemo) text(s *policy.CacheStatus, name string) string {
	if s.HasTTL || s.Key != "" {
		return s.String(name) // it is another every second, or for every response
	}
	place := &r[uint(len(s.Fwd)+len(s.Detail)+s.FwdStatus)%uint(len(r))]
	if t := place.Load(); t != nil && t.CacheStatus == *s {
		return t.text
	}
	t := &statusText{*s, s.String(name)}
	place.Store(t)
	return t.text
}
