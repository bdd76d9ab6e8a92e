package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// A mapStore is a Store that is a map.
type mapStore struct {
	mu       sync.Mutex // guards m in calls
	m        map[string]*store.Entry
	promises store.Promises
	// bytes is true if bodies are in memory in one piece.
	bytes bool
	// expires is true if entries go when they expire.
	expires bool
	// open counts the entries and writers that are not closed.
	open atomic.Int32
	// before is called before each call, with its name and key. An error is the result of
	// the call. read is called with the key when an entry was read. They may be nil.
	before func(call, key string) error
	read   func(key string)
}

func (s *mapStore) Promises() (store.Store, store.Promises) {
	if s == nil { // embedded by a Store that has no entries
		return s, store.Promises{}
	}
	return s, s.promises
}

func (s *mapStore) ask(call, key string) error {
	if key == "" {
		panic(call + " without a key")
	}
	if s.before == nil {
		return nil
	}
	return s.before(call, key)
}

func (s *mapStore) Get(_ context.Context, key string) (*store.Entry, error) {
	if err := s.ask("get", key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	e := s.m[key]
	if s.expires && e != nil && time.Now().After(e.Meta.Expires) {
		delete(s.m, key)
		e = nil
	}
	s.mu.Unlock()
	if s.read != nil {
		s.read(key)
	}
	if e == nil || s.bytes || e.Size != int64(len(e.Bytes)) {
		return e, nil
	}
	s.open.Add(1)
	return &store.Entry{Meta: e.Meta, Size: e.Size, Body: &mapBody{bytes.NewReader(e.Bytes), s}}, nil
}

func (s *mapStore) Create(_ context.Context, key string, _ int64) (store.Writer, error) {
	if err := s.ask("create", key); err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &mapWriter{s: s, key: key}, nil
}

func (s *mapStore) Update(_ context.Context, key string, m *store.Meta) error {
	if err := s.ask("update", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.m[key]
	if e == nil || !m.Updates(e.Meta) {
		return store.ErrConflict
	}
	s.m[key] = &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
	return nil
}

func (s *mapStore) Delete(_ context.Context, key string) error {
	if err := s.ask("delete", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
	return nil
}

type mapWriter struct {
	buf bytes.Buffer
	s   *mapStore
	key string
}

func (w *mapWriter) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(w.buf.Bytes()).ReadAt(p, off)
}

func (w *mapWriter) Write(p []byte) (int, error) {
	if err := w.s.ask("write", w.key); err != nil {
		return 0, err
	}
	return w.buf.Write(p)
}

func (w *mapWriter) Commit(_ context.Context, m *store.Meta) error {
	if err := w.s.ask("commit", w.key); err != nil {
		return err
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	var now *store.Meta
	if e := w.s.m[w.key]; e != nil {
		now = e.Meta
	}
	if w.s.promises.Swaps && !m.Follows(now) {
		return store.ErrConflict
	}
	w.s.m[w.key] = &store.Entry{Meta: m, Size: int64(w.buf.Len()), Bytes: w.buf.Bytes()}
	return nil
}

func (w *mapWriter) Abort() error { return nil }

func (w *mapWriter) Close() error {
	w.s.open.Add(-1)
	return nil
}

type mapBody struct {
	*bytes.Reader
	s *mapStore
}

func (b *mapBody) Close() error {
	b.s.open.Add(-1)
	return nil
}

// A shelf is a catalog over a map, and a cache that stores what it is told to.
type shelf struct {
	*Catalog
	t     *testing.T
	store *mapStore
	// told are the last events of all queries, as "action: reason".
	told []string
}

func newShelf(t *testing.T, cfg policy.Settings) *shelf {
	t.Helper()
	s := &shelf{t: t, store: &mapStore{m: make(map[string]*store.Entry), promises: store.Promises{Swaps: true, OneProcess: true}}}
	t.Cleanup(func() {
		if n := s.locks.heldNow(); n != 0 {
			t.Errorf("%d locks are held", n)
		}
		if n := s.store.open.Load(); n != 0 {
			t.Errorf("%d entries and writers are not closed", n)
		}
	})
	s.Catalog = New(&Shared{}, cfg.Complete(), true, guard.NewBackend(s.store), guard.Options{Wait: -1, Back: func() {}})
	return s
}

// another returns a catalog of another process on the Store.
func (s *shelf) another() *Catalog {
	return New(&Shared{}, s.Cfg, true, guard.NewBackend(s.store), guard.Options{Wait: -1, Back: func() {}})
}

// fail has some calls of the Store fail from now on.
func (s *shelf) fail(calls ...string) {
	s.store.before = func(call, _ string) error {
		if slices.Contains(calls, call) {
			return errors.New("away")
		}
		return nil
	}
}

// ask returns a query about a URL that is sent now, with the fields in lines. The user is
// the value of Authorization.
func (s *shelf) ask(url string, lines ...string) *Query {
	s.t.Helper()
	ctx := trace.WithHook(tracetest.Context(s.t, "../../.."), func(e trace.Event) { s.told = append(s.told, e.Action+": "+e.Reason) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = fieldsOf(lines)
	q := s.Query(req)
	q.SetUser(req.Header.Get("Authorization"), s.Cfg.SharePublic)
	return &q
}

func fieldsOf(lines []string) http.Header {
	h := make(http.Header)
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

// keep stores a response to q, fresh for a minute, with the fields in lines.
func (s *shelf) keep(q *Query, body string, lines ...string) {
	s.t.Helper()
	at := q.Lookup()
	at.Close()
	q.LookPath()
	if err := s.commit(q, body, lines...); err != nil {
		s.t.Fatal(err)
	}
}

// commit stores a response to q, whose look-up was made.
func (s *shelf) commit(q *Query, body string, lines ...string) error {
	s.t.Helper()
	m, f := s.describe(q, body, lines)
	return s.write(q, body, m, f)
}

// write stores a response with the metadata m and the memo f.
func (s *shelf) write(q *Query, body string, m *store.Meta, f *Memo) error {
	s.t.Helper()
	ctx := s.t.Context()
	w, err := s.Calls.Create(ctx, f.Key, int64(len(body)), &q.Budget)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write([]byte(body)); err != nil {
		return err
	}
	return q.Commit(ctx, w, int64(len(body)), m, f)
}

// describe returns what is stored about a response to q.
func (s *shelf) describe(q *Query, body string, lines []string) (m *store.Meta, f *Memo) {
	h := fieldsOf(append([]string{"Cache-Control: public, max-age=60"}, lines...))
	m = &store.Meta{
		ID: storekit.NewID(), URL: URLOf(q.Req), Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1",
		RequestTime: q.Now, ResponseTime: time.Now(),
	}
	h.Set("Date", m.ResponseTime.UTC().Format(http.TimeFormat))
	h.Set("ETag", `"`+body+`"`)
	var r Record
	var names []string
	if vary := h.Get("Vary"); vary != "" {
		names = strings.Split(vary, ", ")
	}
	q.Locate(&r, m.Status, h, names)
	m.Header = store.FieldsOf(h)
	return m, s.SetRecord(m, nil, r, nil, false, nil)
}

// found returns the body of what a look-up finds, "" for nothing.
func (s *shelf) found(q *Query) string {
	s.t.Helper()
	at := q.Lookup()
	if at.Entry == nil {
		return ""
	}
	defer at.Close()
	body, err := io.ReadAll(io.NewSectionReader(EntryReader(at.Entry), 0, at.Entry.Size))
	if err != nil {
		s.t.Fatal(err)
	}
	if at.F.MustRevalidate {
		return "revalidate " + string(body)
	}
	return string(body)
}

// expect checks what a look-up of the URL with the fields in lines finds.
func (s *shelf) expect(why, want, url string, lines ...string) {
	s.t.Helper()
	if got := s.found(s.ask(url, lines...)); got != want {
		s.t.Errorf("%s %q: found %q, want %q: %s", url, lines, got, want, why)
	}
}

// expectTold checks that the last event was want, if that is not empty.
func (s *shelf) expectTold(why, want string) {
	s.t.Helper()
	if want != "" && (len(s.told) == 0 || s.told[len(s.told)-1] != want) {
		s.t.Errorf("told %q, want %q last: %s", s.told, want, why)
	}
}
