package lostupdate

import (
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// habit is a set of the ways in which a server departs from RFC 9110 §13.
type habit uint8

const (
	// refuses: it answers 501 or 400 to any precondition.
	refuses habit = 1 << iota
	// misjudges: it answers 412 to If-Unmodified-Since though nothing has
	// changed (mod_dav compares the time of a new resource, which is now).
	misjudges
	// matchesWeak: it demands a precondition and takes a weak tag in If-Match.
	matchesWeak
	// hangsOnHead: it does not answer HEAD.
	hangsOnHead
)

// Habits are kept for this long, since servers are updated, and of this many servers.
const (
	habitFor  = time.Hour
	maxHabits = 1024
)

// habits holds the habits of servers. The zero value is ready.
type habits struct {
	mu sync.Mutex
	m  map[service]shown
}

// service is an origin and a method: a server may implement preconditions for one
// method and not for another.
type service struct {
	roundtrip.Origin
	method string
}

type shown struct {
	habit
	until time.Time
}

func (h *habits) get(req *http.Request, method string, now time.Time) habit {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.m) == 0 {
		return 0
	}
	k := service{roundtrip.OriginOf(req.URL), method}
	s := h.m[k]
	if now.After(s.until) {
		delete(h.m, k)
		return 0
	}
	return s.habit
}

func (h *habits) note(req *http.Request, method string, what habit, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = make(map[service]shown)
	}
	k := service{roundtrip.OriginOf(req.URL), method}
	s, ok := h.m[k]
	if !ok && len(h.m) >= maxHabits {
		for any := range h.m { // The order of a map is random.
			delete(h.m, any)
			break
		}
	}
	h.m[k] = shown{s.habit | what, now.Add(habitFor)}
}
