package caching

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// A dialogue is a row of requests to one cache, each with what the origin says
// if it is asked, and what the caller must get.
type dialogue struct {
	name, why string
	cache     Transport
	turns     []turn
}

type turn struct {
	after time.Duration // since the last turn
	// ask is "METHOD /path" and header lines.
	ask string
	// origin is the answer, without HTTP version; empty if it must not be asked,
	// "error" for an error of the network. Several, separated by "---", are for
	// several trips.
	origin string
	// want is status and body.
	want string
	// cached is what FromCache says.
	cached bool
	// status is a part of Cache-Status.
	status string
	// has and lacks are lines and names of the response header.
	has, lacks []string
	// saw and unseen are lines and names of the header the origin saw last.
	saw, unseen []string
	// trace holds what package trace must be told, in order and nothing else, each as
	// "action: reason". If nil, it is not looked at.
	trace []string
}

// events collects what is told about one turn.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) hear(ev trace.Event) {
	if ev.Action == "lookup" { // precedes every decision
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev.Action+": "+ev.Reason)
}

var errNetwork = errors.New("network is down")

func (d *dialogue) run(t *testing.T) {
	t.Helper()
	if d.why == "" {
		t.Fatal("the row does not say why")
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var answers []string
		var last *http.Request
		c := &d.cache
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_ = req.Body.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			last = req
			if len(answers) == 0 {
				t.Errorf("the origin was asked: %s %s %v", req.Method, req.URL, req.Header)
				return nil, errors.New("unexpected request")
			}
			a := answers[0]
			answers = answers[1:]
			if a == "error" {
				return nil, errNetwork
			}
			return parseReply(req, a)
		})
		defer c.Close()
		for i, turn := range d.turns {
			time.Sleep(turn.after)
			mu.Lock()
			answers, last = nil, nil
			if turn.origin != "" {
				answers = strings.Split(turn.origin, "\n---\n")
			}
			mu.Unlock()
			var heard events
			turn.check(t, c, &heard, fmt.Sprintf("turn %d, %q", i+1, turn.ask), func() *http.Request {
				mu.Lock()
				defer mu.Unlock()
				return last
			})
			synctest.Wait()
			if len(answers) > 0 {
				t.Errorf("turn %d: the origin was not asked for %q", i+1, answers)
			}
			if turn.trace != nil && !slices.Equal(heard.list, turn.trace) {
				t.Errorf("turn %d: trace is told %q, want %q", i+1, heard.list, turn.trace)
			}
			if t.Failed() {
				t.Fatalf("why: %s", d.why)
			}
		}
	})
}

func parseReply(req *http.Request, s string) (*http.Response, error) {
	head, body, _ := strings.Cut(s, "\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), req)
	if err != nil {
		return nil, err
	}
	if resp.Header.Get("Date") == "-" {
		resp.Header.Del("Date")
	} else if resp.Header.Get("Date") == "" {
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if req.Method == "HEAD" || resp.StatusCode == 304 || resp.StatusCode == 204 {
		resp.Body = http.NoBody
		return resp, nil
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return resp, nil
}

func (tn *turn) check(t *testing.T, c *Transport, heard *events, name string, saw func() *http.Request) {
	t.Helper()
	head, body, _ := strings.Cut(tn.ask, "\n\n")
	lines := strings.Split(head, "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	if strings.HasPrefix(path, "/") {
		path = "http://example.com" + path
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, content)
	if err != nil {
		t.Fatal(err)
	}
	ctx := req.Context()
	if tn.trace != nil {
		ctx = trace.WithHook(trace.WithHook(ctx, tracetest.Documented(t, "..")), heard.hear)
	}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		switch k {
		case "!reload":
			ctx = WithReload(ctx)
		case "!bypass":
			ctx = WithBypass(ctx)
		case "!offline":
			ctx = WithOffline(ctx)
		case "!withoutETag":
			ctx = WithoutETag(ctx)
		case "!ttl":
			ttl, _ := time.ParseDuration(v)
			ctx = WithTTL(ctx, ttl)
		default:
			req.Header.Add(k, v)
		}
	}
	resp, err := c.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if tn.want != "error" || !errors.Is(err, errNetwork) && !errors.Is(err, errNotModified) {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if s := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, got)); err != nil || s != tn.want {
		t.Errorf("%s: got %q, %v; want %q (%v)", name, s, err, tn.want, resp.Header)
	}
	if FromCache(resp) != tn.cached {
		t.Errorf("%s: FromCache is %v (%v)", name, !tn.cached, resp.Header)
	}
	if s := strings.Join(resp.Header["Cache-Status"], ", "); s == "" || !strings.Contains(s, tn.status) {
		t.Errorf("%s: Cache-Status is %q, want %q in it", name, s, tn.status)
	}
	checkHeader(t, name+": response", resp.Header, tn.has, tn.lacks)
	if last := saw(); len(tn.saw)+len(tn.unseen) > 0 {
		if last == nil {
			t.Fatalf("%s: the origin saw nothing", name)
		}
		checkHeader(t, name+": the origin's view", last.Header, tn.saw, tn.unseen)
	}
}

func checkHeader(t *testing.T, name string, h http.Header, has, lacks []string) {
	t.Helper()
	for _, l := range has {
		k, v, _ := strings.Cut(l, ": ")
		if !slices.Contains(h.Values(k), v) {
			t.Errorf("%s has %s %q, want %q", name, k, h.Values(k), v)
		}
	}
	for _, k := range lacks {
		if v := h.Values(k); len(v) > 0 {
			t.Errorf("%s has %s %q, want none", name, k, v)
		}
	}
}

const fresh = "200 OK\nCache-Control: max-age=100\nETag: \"a\"\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT\n\nbody"

func dialogues() []dialogue {
	return slices.Concat(
		reuseDialogues(),
		validationDialogues(),
		rangeDialogues(),
		staleDialogues(),
		invalidationDialogues(),
		userDialogues(),
		optionDialogues(),
		validatorDialogues(),
		redirectDialogues(),
		evidenceDialogues(),
		writeDialogues(),
		varyDialogues(),
		signedDialogues(),
	)
}

func TestDialogues(t *testing.T) {
	all := dialogues()
	for i := range all {
		d := &all[i]
		t.Run(d.name, d.run)
	}
}

// On a directory every hit is decoded, and every body is a file that has to be
// closed, once.
func TestDialoguesOnDirectory(t *testing.T) {
	all := dialogues()
	for i := range all {
		d := &all[i]
		dir, err := dirstore.Open(t.TempDir(), &dirstore.Options{MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		store := &counting{Store: dir}
		d.cache.Store = store
		t.Run(d.name, d.run)
		if n := store.open.Load(); n != 0 {
			t.Errorf("%s: %d entries left open", d.name, n)
		}
		if n := store.twice.Load(); n != 0 {
			t.Errorf("%s: %d entries closed twice", d.name, n)
		}
		_ = dir.Close()
	}
}

// counting counts the bodies of entries that are not closed, and those that are
// closed twice.
type counting struct {
	store.Store
	open, twice atomic.Int32
}

func (s *counting) Get(ctx context.Context, key string) (*store.Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if e != nil && e.Body != nil {
		s.open.Add(1)
		e = withMeta(e, e.Meta)
		e.Body = &countedEntry{body: e.Body, s: s}
	}
	return e, err
}

type countedEntry struct {
	body interface {
		io.ReaderAt
		io.Closer
	}
	s      *counting
	closed atomic.Bool
}

func (c *countedEntry) ReadAt(p []byte, off int64) (int, error) { return c.body.ReadAt(p, off) }

func (c *countedEntry) Close() error {
	if c.closed.Swap(true) {
		c.s.twice.Add(1)
	}
	c.s.open.Add(-1)
	return c.body.Close()
}
