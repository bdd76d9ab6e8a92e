package compress

import (
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Lessons are kept for this long, and for this many resources: by RFC 9110 §12.5.3 the
// codings that a resource takes may change, and differ from those of others.
const (
	learnedFor = time.Hour
	maxLearned = 1024
)

// learned holds which coding a resource takes in requests. The zero value is ready.
type learned struct {
	mu sync.Mutex
	m  map[string]lesson
}

type lesson struct {
	coding string // empty: none
	until  time.Time
}

// resource returns the key of a lesson: the URL of req without query and fragment.
func resource(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	return roundtrip.OriginOf(req.URL).String() + req.URL.EscapedPath()
}

func (l *learned) get(req *http.Request) (coding string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.m) == 0 {
		return "", false
	}
	k := resource(req)
	e, ok := l.m[k]
	if ok && time.Now().After(e.until) {
		delete(l.m, k)
		ok = false
	}
	return e.coding, ok
}

// note remembers and returns the coding to use that follows from resp. known is false if
// nothing follows from it.
func (l *learned) note(req *http.Request, sent, preferred string, resp *http.Response) (coding string, known bool) {
	coding, known = taught(sent, preferred, resp.StatusCode, resp.Header["Accept-Encoding"])
	if !known {
		return "", false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]lesson)
	}
	if len(l.m) >= maxLearned {
		for k := range l.m { // any: the order is random
			delete(l.m, k)
			break
		}
	}
	l.m[resource(req)] = lesson{coding, time.Now().Add(learnedFor)}
	return coding, true
}

func (l *learned) forget(req *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m, resource(req))
}

// refusal reports whether a server that answers with this status may take the same body
// without a coding (RFC 9110 §15.5.16), and so with a Content-Length (§15.5.12).
func refusal(status int) bool {
	return status == http.StatusUnsupportedMediaType || status == http.StatusLengthRequired
}

// taught returns which coding a server takes, after a request in the coding sent: one that
// Accept-Encoding in the response names (RFC 9110 §12.5.3), the preferred one first, and
// otherwise none after a refusal.
func taught(sent, preferred string, status int, accept []string) (coding string, known bool) {
	if accept == nil || status == http.StatusLengthRequired {
		return "", sent != "" && refusal(status)
	}
	takes := make(map[string]bool)
	for it := range httpfield.Items(accept) {
		takes[httpfield.Coding(it.Value)] = !it.Refused()
	}
	for _, c := range []string{preferred, "zstd", "gzip"} {
		ok, named := takes[c]
		if supported(c) && (ok || !named && takes["*"]) {
			return c, true
		}
	}
	return "", true
}
