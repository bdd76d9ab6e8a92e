package integration_test

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// A world is what one round of the model is played in: origins, a network, users,
// and clients made of layers. All of it follows from the seed.
type world struct {
	t          *testing.T
	documented func(trace.Event)
	seed       uint64
	real       bool // over sockets, in real time
	rand       *rand.Rand
	network    network
	servers    []*http.Server
	origins    []*origin
	users      []string
	secrets    map[string][]string // by host
	layers     layers
	compress   *compress.Transport
	doors      []*door
	caches     []func() error // what closes them
	stores     []func() error
	forgets    []bool // by the number of the store
	storeNames string
	bad        bool // is there a bad store

	mu       sync.Mutex
	notes    map[string][]string // what happened, by host and target
	failures []string
	acks     []ack
	uploads  map[string][]arrival // by the write
	learned  map[string]time.Time // when a path was known not to take a coding
	closed   bool
}

// newRand returns numbers that depend on nothing but the arguments.
func newRand(seed uint64, names ...string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strings.Join(names, "\x00"))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// some returns a time up to most, most often a short one. No two are the same, so
// that the order of events follows from the seed.
func (w *world) some(r *rand.Rand, most time.Duration) time.Duration {
	d := time.Duration(r.Int64N(int64(most)))
	if r.IntN(2) == 0 {
		d /= 50
	}
	return w.scaled(d)
}

// scaled shortens times where they are real.
func (w *world) scaled(d time.Duration) time.Duration {
	if w.real {
		return d / 1000
	}
	return d
}

// note writes down what happened to a target, for those who look into a failure.
func (w *world) note(r *resource, format string, args ...any) { w.notef(r.host+r.uri, format, args...) }

const clock = "15:04:05.000000"

func (w *world) notef(target, format string, args ...any) {
	line := time.Now().Format(clock) + " " + fmt.Sprintf(format, args...)
	w.notes[target] = append(w.notes[target], line)
}

// failf reports that a promise was broken, with what had happened to the target.
// w.mu is held.
func (w *world) failf(target, format string, args ...any) {
	if w.closed {
		return
	}
	message := target + ": " + fmt.Sprintf(format, args...)
	w.notef(target, "FAILED: "+format, args...)
	notes := w.notes[target]
	if n := len(notes) - 60; n > 0 {
		notes = notes[n:]
	}
	if len(w.failures) < 3 {
		message += "\n    " + strings.Join(notes, "\n    ")
	}
	w.failures = append(w.failures, message)
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// newWorld makes the origins and the clients.
func newWorld(t *testing.T, seed uint64, sockets bool) *world {
	t.Helper()
	w := &world{
		documented: tracetest.Documented(t, ".."),
		t:          t, seed: seed, real: sockets, rand: newRand(seed, "world"), notes: make(map[string][]string),
		users: []string{"alice", "bob", "carol"}, secrets: make(map[string][]string),
		uploads: make(map[string][]arrival), learned: make(map[string]time.Time),
	}
	w.network.refuses = w.down
	w.layers, w.compress = newLayers(w.rand), w.newCompress()
	h2 := chance(w.rand, 40)
	hosts := []string{"a.test", "b.test"}
	if w.layers.redirects && chance(w.rand, 50) {
		hosts[1] = "a.test:8080" // another origin for all but http.Client and cookies
	}
	for _, host := range hosts {
		if err := w.newOrigin(host, h2); err != nil {
			t.Fatal(err)
		}
	}
	w.newDoors(h2)
	return w
}

func (w *world) newOrigin(host string, h2 bool) error {
	o := &origin{
		w: w, host: host, byURI: make(map[string]*resource), nonces: make(map[string]*nonce), asked: make(map[string]int),
		executed: make(map[string]int), excused: make(map[string]int), scheme: pick(w.rand, "basic", "digest", "digest"), algorithm: pick(w.rand, "MD5", "SHA-256"),
		stormy: pick(w.rand, 0, 0, 3, 20),
	}
	w.secrets[host] = w.secretsOf(host)
	for i := range 6 {
		o.add(newResource(w, host, fmt.Sprintf("/r/%d", i)))
	}
	// Neighbours of a target, which are others all the same.
	for _, uri := range []string{"/r/0?", "/r/0/", "/r/0?x=1", "/r/1?sig=" + secretOf("query", host, "alice")} {
		o.add(newResource(w, host, uri))
	}
	if o.stormy > 0 && chance(w.rand, 30) {
		from := time.Now().Add(time.Duration(w.rand.Int64N(int64(w.scaled(2 * time.Hour)))))
		o.downs = append(o.downs, span{from, from.Add(w.scaled(time.Minute))})
	}
	w.origins = append(w.origins, o)
	addr := host
	if !strings.Contains(host, ":") {
		addr += ":80"
	}
	l, err := w.network.listen(addr, w.real)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: o, ErrorLog: nil, Protocols: protocols(h2)}
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(l) }()
	return nil
}

func protocols(h2 bool) *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(!h2)
	p.SetUnencryptedHTTP2(h2)
	return &p
}

func (o *origin) add(r *resource) {
	r.scheme = o.scheme
	o.resources = append(o.resources, r)
	o.byURI[r.uri] = r
}

// down reports whether the origin at addr refuses connections just now.
func (w *world) down(addr string) bool {
	now := time.Now()
	for _, o := range w.origins {
		if strings.TrimSuffix(addr, ":80") != o.host {
			continue
		}
		for _, d := range o.downs {
			if d.overlaps(now, now) {
				return true
			}
		}
	}
	return false
}

func (w *world) urlOf(r *resource) string { return "http://" + r.host + r.uri }

// newResource makes one of a kind that the seed has chosen.
func newResource(w *world, host, uri string) *resource {
	r := w.rand
	res := &resource{
		host: host, uri: uri, private: chance(r, 45), tag: pick(r, "strong", "strong", "strong", "weak", ""),
		modified: chance(r, 60), varies: chance(r, 40), coded: chance(r, 40), chunked: chance(r, 40), tells: chance(r, 60),
		size: pick(r, 0, 300, 300, 300, 5000, 5000, 40000, 150000),
	}
	second := time.Second
	var cc []string
	switch r.IntN(8) {
	case 0:
		res.strict = true
		cc = append(cc, "no-cache")
	case 1:
		res.strict = true
		cc = append(cc, "no-store")
	case 2:
		res.guess, res.modified = true, true
	default:
		res.lifetime = pick[time.Duration](r, 0, 10, 60, 600, 3600) * second
		cc = append(cc, fmt.Sprintf("max-age=%d", res.lifetime/second))
		if chance(r, 25) {
			res.strict = true
			cc = append(cc, "must-revalidate")
		}
		if chance(r, 25) {
			res.swr = pick[time.Duration](r, 5, 300) * second
			cc = append(cc, fmt.Sprintf("stale-while-revalidate=%d", res.swr/second))
		}
		if chance(r, 25) {
			res.sie = pick[time.Duration](r, 60, 1200) * second
			cc = append(cc, fmt.Sprintf("stale-if-error=%d", res.sie/second))
		}
	}
	// In a shared cache must-revalidate alone would make it everybody's (RFC 9111 §3.5).
	if w.real {
		res.tag = "strong" // there is more than one version in a second
	}
	if res.private && (chance(r, 40) || strings.Contains(strings.Join(cc, " "), "must-revalidate")) {
		cc = append(cc, "private")
	}
	res.control = strings.Join(cc, ", ")
	res.versions = []version{{start: time.Now()}}
	res.changes = newRand(w.seed, "changes", host, uri)
	res.every = pick(r, 0, 0, 30*second, 10*time.Minute)
	if res.every > 0 && !w.real {
		res.next = time.Now().Add(res.pause())
	}
	return res
}

func (r *resource) pause() time.Duration {
	return 2*time.Second + time.Duration(r.changes.Int64N(int64(2*r.every)))
}

// advance makes the versions that come about without a write of ours.
func (r *resource) advance(w *world) {
	changed := false
	for now := time.Now(); !r.next.IsZero() && !r.next.After(now); {
		if last := r.versions[r.current()].start; r.next.Sub(last) < 2*time.Second {
			r.next = last.Add(2 * time.Second)
			continue
		}
		r.versions = append(r.versions, version{start: r.next})
		r.next = r.next.Add(r.pause())
		changed = true
	}
	if changed {
		w.note(r, "has changed to version %d at %s", r.current(), r.versions[r.current()].start.Format(clock))
	}
}

// close ends the world and reports what is left of it.
func (w *world) close() {
	for _, c := range w.caches {
		_ = c()
	}
	for _, d := range w.doors {
		d.client.CloseIdleConnections()
	}
	for _, s := range w.servers {
		_ = s.Close()
	}
	for _, c := range w.stores {
		_ = c()
	}
}
