package caching

import "sync/atomic"

// recentStatus remembers how some states are written in Cache-Status: one cache
// has few different things to say.
type recentStatus [16]atomic.Pointer[statusText]

type statusText struct {
	cacheStatus
	text string
}

// text returns s as the member of the cache called name, which is always the
// same.
func (r *recentStatus) text(s *cacheStatus, name string) string {
	if s.hasTTL || s.key != "" {
		return s.String(name) // it is another every second, or for every response
	}
	place := &r[uint(len(s.fwd)+len(s.detail)+s.fwdStatus)%uint(len(r))]
	if t := place.Load(); t != nil && t.cacheStatus == *s {
		return t.text
	}
	t := &statusText{*s, s.String(name)}
	place.Store(t)
	return t.text
}
