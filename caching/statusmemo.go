package caching

import (
	"sync/atomic"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// recentStatus remembers how some states are written in Cache-Status: one cache
// has few different things to say.
type recentStatus [16]atomic.Pointer[statusText]

type statusText struct {
	policy.CacheStatus
	text string
}

// text returns s as the member of the cache called name, which is always the
// same.
func (r *recentStatus) text(s *policy.CacheStatus, name string) string {
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
