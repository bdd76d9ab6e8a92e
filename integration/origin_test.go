package integration_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An origin is a server of the world.
type origin struct {
	w         *world
	host      string // host:port, without the port where it is the scheme's
	resources []*resource
	byURI     map[string]*resource
	scheme    string // of its challenges: "basic" or "digest"
	algorithm string // of Digest
	nonces    map[string]*nonce
	asked     map[string]int // requests so far, by method and target
	executed  map[string]int // writes done, by their identifier
	excused   map[string]int // of these, followed by an answer that allows to send them again
	faults    []fault
	stormy    int // of a hundred requests, how many meet a fault
	downs     []span
}

// A fault is something that an origin did on purpose, which excuses an error.
type fault struct {
	uri  string
	kind string
	span
}

type span struct{ from, to time.Time }

func (s span) overlaps(from, to time.Time) bool { return !s.from.After(to) && !s.to.Before(from) }

// fault notes that one begins now.
func (o *origin) fault(uri, kind string, lasts time.Duration) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	now := time.Now()
	o.faults = append(o.faults, fault{uri, kind, span{now, now.Add(lasts)}})
	o.w.notef(o.host+uri, "origin: %s", kind)
}

// faultIn reports whether uri met a fault between from and to.
func (o *origin) faultIn(uri string, from, to time.Time) bool {
	for _, d := range o.downs {
		if d.overlaps(from, to) {
			return true
		}
	}
	return slices.ContainsFunc(o.faults, func(f fault) bool { return f.uri == uri && f.overlaps(from, to) })
}

// A turn is what happens to one request: decided by the seed, the target, and how
// often it was asked for, so that a run can be repeated.
type turn struct {
	*rand.Rand
	before, after time.Duration // the answer is made in between
	fault         string
}

func (o *origin) turn(r *http.Request) turn {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	key := r.Method + " " + r.RequestURI
	o.asked[key]++
	t := turn{Rand: newRand(o.w.seed, o.host, key, strconv.Itoa(o.asked[key]))}
	t.before, t.after = o.w.some(t.Rand, 2*time.Second), o.w.some(t.Rand, 2*time.Second)
	if t.IntN(100) < o.stormy {
		kinds := []string{"reset before", "reset after", "burst", "cut", "cut", "cut", "stall"}
		t.fault = kinds[t.IntN(len(kinds))]
	}
	return t
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.inspect(r, o.receive(r))
	t := o.turn(r)
	user, stale, breaks := o.user(r)
	reset := func(kind string) {
		breaks()
		o.fault(r.RequestURI, kind, 0)
		panic(http.ErrAbortHandler)
	}
	time.Sleep(t.before)
	switch t.fault {
	case "reset before":
		reset(t.fault)
	case "burst":
		status := []int{500, 502, 503, 504, 429}[t.IntN(5)]
		o.fault(r.RequestURI, fmt.Sprint("burst ", status), 0)
		if t.IntN(3) == 0 {
			w.Header().Set("Retry-After", strconv.Itoa(t.IntN(4)))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no version of anything")
		return
	case "stall":
		o.excuse(r)
		o.fault(r.RequestURI, "stall", o.w.scaled(time.Minute))
		time.Sleep(o.w.scaled(time.Minute))
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/go/"):
		o.redirect(w, r)
		return
	case r.URL.Path == "/login":
		o.login(w, r)
		return
	}
	res := o.byURI[strings.TrimSuffix(r.RequestURI, appending)]
	if res == nil {
		o.w.mu.Lock()
		defer o.w.mu.Unlock()
		o.w.failf(o.host+r.RequestURI, "a target was asked for that nobody named")
		w.WriteHeader(400)
		return
	}
	if res.private && user == "" {
		o.w.mu.Lock()
		o.w.note(res, "origin: %s 401", r.Method)
		o.w.mu.Unlock()
		w.Header().Set("WWW-Authenticate", o.challenge(res, stale))
		w.WriteHeader(401)
		return
	}
	if o.refuses(w, r) {
		return
	}
	if !res.private {
		user = "-"
	}
	a := o.answer(res, r, user)
	time.Sleep(t.after)
	if t.fault == "reset after" {
		o.excuse(r)
		reset(t.fault)
	}
	a.send(o, w, r, t)
}

// inspect looks for what must not have come here.
func (o *origin) inspect(r *http.Request, body string) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	all := r.RequestURI + " " + body
	for name, values := range r.Header {
		all += " " + name + ": " + strings.Join(values, ", ")
	}
	if name, password, ok := r.BasicAuth(); ok {
		all += " " + name + ":" + password
	}
	if s := o.w.foreign(o.host, all); s != "" {
		o.w.failf(o.host+r.RequestURI, "%s was sent to %s", s, o.host)
	}
	// A redirect to another origin has left the signature out, and not its list of fields.
	if signed := r.Header.Get("X-Signed"); signed != "" && r.Header.Get("Authorization") != "" {
		for _, name := range []string{"Cache-Control", "Cookie", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range"} {
			if r.Header.Get(name) != "" && !slices.Contains(strings.Fields(signed), name) {
				o.w.failf(o.host+r.RequestURI, "%s: %s was added to what the caller had signed", name, r.Header.Get(name))
			}
		}
	}
}

// excuse notes that the request may be sent again, as far as its method allows.
func (o *origin) excuse(r *http.Request) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	o.excused[r.Header.Get("X-Write")]++
}

// redirect answers /go/STATUS/HOST/INDEX.
func (o *origin) redirect(w http.ResponseWriter, r *http.Request) {
	var status, host, index int
	_, _ = fmt.Sscanf(r.URL.Path, "/go/%d/%d/%d", &status, &host, &index)
	to := o.w.origins[host%len(o.w.origins)]
	target := to.resources[index%len(to.resources)]
	w.Header().Set("Location", o.w.urlOf(target))
	if index%2 == 0 {
		w.Header().Set("Cache-Control", "max-age=60")
	}
	w.WriteHeader(status)
}

// login answers /login?USER with the user's cookie.
func (o *origin) login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: secretOf("cookie", o.host, r.URL.RawQuery), Path: "/"})
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(204)
}
