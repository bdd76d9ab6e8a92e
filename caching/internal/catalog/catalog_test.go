package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/trace"
)

// A mapStore is a Store that is a map.
type mapStore struct {
	mu sync.Mutex // guards m in calls
	m  map[string]*store.Entry
	// bytes is true if bodies are in memory in one piece.
	bytes bool
	// open counts the entries and writers that are not closed.
	open atomic.Int32
	// before is called before each call, with its name and key. An error is the result of
	// the call. read is called with the key when an entry was read. They may be nil.
	before func(call, key string) error
	read   func(key string)
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
	if e == nil || e.Meta.ID != m.ID {
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
	s := &shelf{t: t, store: &mapStore{m: make(map[string]*store.Entry)}}
	t.Cleanup(func() {
		if c, l := len(s.commits.m), len(s.indexes.m); c != 0 || l != 0 || s.commits.some.Load() != 0 {
			t.Errorf("%d commits are never over, %d locks are left", c, l)
		}
		if n := s.store.open.Load(); n != 0 {
			t.Errorf("%d entries and writers are not closed", n)
		}
	})
	s.Catalog = New(&Shared{}, cfg.Complete(), true, guard.NewBackend(s.store), guard.Options{Wait: -1, Back: func() {}})
	return s
}

// ask returns a query about a URL that is sent now, with the fields in lines. The user is
// the value of Authorization.
func (s *shelf) ask(url string, lines ...string) *Query {
	s.t.Helper()
	ctx := trace.WithHook(s.t.Context(), func(e trace.Event) { s.told = append(s.told, e.Action+": "+e.Reason) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = fieldsOf(lines)
	q := s.Query(req)
	q.Epoch = s.Epoch()
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
	m, f, primary := s.describe(q, body, lines)
	at := q.Lookup()
	at.Close()
	defer q.BeginCommit(f.Key, primary).End()
	ctx := s.t.Context()
	w, err := s.Calls.Create(ctx, f.Key, int64(len(body)), &q.Budget)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write([]byte(body)); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Commit(ctx, m); err != nil {
		s.t.Fatal(err)
	}
	if stays, there := q.Publish(ctx, &at, primary, m, f), s.store.m[f.Key] != nil; stays != there {
		s.t.Errorf("it stays: %v, and it is there: %v", stays, there)
	}
}

// describe returns what is stored about a response to q.
func (s *shelf) describe(q *Query, body string, lines []string) (m *store.Meta, f *Memo, primary string) {
	h := fieldsOf(append([]string{"Cache-Control: public, max-age=60"}, lines...))
	m = &store.Meta{
		ID: storekit.NewID(), URL: URLOf(q.Req), Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1", Header: h,
		RequestTime: q.Now, ResponseTime: time.Now(),
	}
	h.Set("Date", m.ResponseTime.UTC().Format(http.TimeFormat))
	h.Set("ETag", `"`+body+`"`)
	var r Record
	primary, r.NoVarySearch = q.PrimaryFor(m.Status, h)
	var names []string
	if vary := h.Get("Vary"); vary != "" {
		names = strings.Split(vary, ", ")
	}
	q.SetSelectors(&r, primary, names)
	f = s.SetRecord(m, r, nil, false, nil)
	return m, f, primary
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

// A look-up finds the response that was stored under the same key, and nothing else.
func TestLookup(t *testing.T) {
	const url = "http://example.com/a"
	for _, row := range []struct {
		why, url string
		lines    []string
		spoil    func(key string, e *store.Entry) *store.Entry // what has become of the entry
		want     string
		told     string
	}{
		{"the same target", url, nil, nil, "body", ""},
		{"RFC 9110 §4.2.3: equivalent", "HTTP://EXAMPLE.com:80/a", nil, nil, "body", ""},
		{"another path", "http://example.com/b", nil, nil, "", ""},
		{"a user's responses are apart from everybody's", url, []string{"Authorization: alice"}, nil, "", ""},
		{"it is gone", url, nil, func(string, *store.Entry) *store.Entry { return nil }, "", ""},
		{"the Store has mixed up its keys", url, nil, func(_ string, e *store.Entry) *store.Entry {
			m := e.Meta.Clone()
			m.Extra = (&Record{Key: "another"}).appendTo(nil)
			return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		}, "", "store: entry of another kind or key"},
		{"stored by another program", url, nil, func(_ string, e *store.Entry) *store.Entry {
			m := e.Meta.Clone()
			m.Extra = nil
			return &store.Entry{Meta: m, Size: e.Size, Bytes: e.Bytes}
		}, "", "store: entry of another kind or key"},
		{"shorter than it says", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: e.Size + 1, Bytes: e.Bytes}
		}, "", "store: entry of another kind or key"},
		{"no metadata", url, nil, func(_ string, e *store.Entry) *store.Entry { return &store.Entry{Size: e.Size, Bytes: e.Bytes} }, "", "store: entry of another kind or key"},
		{"a size that cannot be", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: -1, Body: &mapBody{bytes.NewReader(e.Bytes), new(mapStore)}}
		}, "", "store: entry of another kind or key"},
		{"a body in memory", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta, Size: e.Size, Body: &mapBody{bytes.NewReader(e.Bytes), new(mapStore)}}
		}, "body", ""},
		{"metadata that was read from bytes", url, nil, func(_ string, e *store.Entry) *store.Entry {
			return &store.Entry{Meta: e.Meta.Clone(), Size: e.Size, Bytes: e.Bytes}
		}, "body", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.store.bytes = row.want == "" // the other rows have bodies to read from
			s.keep(s.ask(url), "body")
			if row.spoil != nil {
				for key, e := range s.store.m {
					s.store.m[key] = row.spoil(key, e)
				}
			}
			s.expect(row.why, row.want, row.url, row.lines...)
			s.expectTold(row.why, row.told)
		})
	}
}

// A Store that cannot say is told apart from one that has nothing, or nothing of use.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	for _, row := range []struct {
		why       string
		err, want error
	}{
		{"nothing is there", nil, nil},
		{"what is there cannot be used", store.ErrCorrupt, nil},
		{"nobody knows what is there", errAway, errAway},
	} {
		s := newShelf(t, policy.Settings{})
		s.store.before = func(string, string) error { return row.err }
		q := s.ask("http://example.com/")
		if e, f, err := q.read(t.Context(), q.Key); e != nil || f != nil || !errors.Is(err, row.want) {
			t.Errorf("%v: read %v, %v, %v: %s", row.err, e, f, err, row.why)
		}
		if row.err != nil {
			s.expectTold(row.why, "store: "+policy.ReasonNotRead)
		}
	}
}

// Two look-ups of one request: what the Store did not say in time is not asked for again, and
// used if it comes.
func TestLookupLate(t *testing.T) {
	const url = "http://example.com/"
	for _, row := range []struct {
		why    string
		public bool // the user may have everybody's
		lines  []string
		gets   int
	}{
		{"everybody's", false, nil, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{SharePublic: row.public})
			s.keep(s.ask(url, row.lines...), "body")
			slow := New(s.Shared, s.Cfg, true, guard.NewBackend(s.store), guard.Options{Wait: 250 * time.Millisecond, Back: func() {}})
			q := s.ask(url, row.lines...)
			q.Cat = slow
			var gets atomic.Int32
			s.store.before = func(string, string) error {
				gets.Add(1)
				time.Sleep(time.Second)
				return nil
			}
			if got := s.found(q); got != "" || !q.Budget.Unanswered || !q.Budget.Pending() {
				t.Errorf("found %q before the Store has answered: %s", got, row.why)
			}
			if n := int(gets.Load()); n != row.gets {
				t.Errorf("asked %d times, want %d: %s", n, row.gets, row.why)
			}
			time.Sleep(time.Second)
			if got := s.found(q); got != "body" {
				t.Errorf("found %q, and the Store has answered: %s", got, row.why)
			}
			s.expectTold(row.why, "store: "+policy.ReasonAnswerLate)
			if _, _, _ = q.read(t.Context(), "another"); q.Budget.Pending() {
				t.Errorf("after the look-up an answer is kept: %s", row.why)
			}
			// Nobody knows what becomes of a write that takes too long.
			q.Budget.Renew()
			if err := q.update(t.Context(), q.Key, &store.Meta{Status: 200}); err == nil || len(s.unwritten.m) != 1 {
				t.Errorf("%v, %d keys must not be used: %s", err, len(s.unwritten.m), row.why)
			}
			time.Sleep(time.Minute)
		})
	}
}

// A candidate is closed once, by whoever has it.
func TestCandidate(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	s.keep(s.ask("http://example.com/"), "body")
	at := s.ask("http://example.com/").Lookup()
	at.Close()
	at.Close()
	at = s.ask("http://example.com/").Lookup()
	e := at.Take()
	if at.Close(); s.store.open.Load() != 1 || at.F != nil || at.Key == "" {
		t.Error("what was taken was closed, or is still there")
	}
	_ = e.Close()
}

// What a user's request finds of everybody's is not used unless it says that it is public.
func TestLookupNotPublic(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{SharePublic: true})
	s.keep(s.ask("http://example.com/"), "nobody's", "Cache-Control: private")
	if at := s.ask("http://example.com/", "Authorization: alice").Lookup(); at.Primary != "" || at.Entry != nil || at.F != nil {
		t.Errorf("found %+v", at)
	}
	if q := s.ask("http://example.com/"); q.OpenKey != "" {
		t.Error("nobody is no user")
	}
}

// What is told has the status and the error, and without a hook nothing is.
func TestTell(t *testing.T) {
	t.Parallel()
	var got trace.Event
	errAway := errors.New("away")
	req, _ := http.NewRequestWithContext(trace.WithHook(t.Context(), func(e trace.Event) { got = e }), http.MethodGet, "http://example.com/", nil)
	q := new(Catalog).Query(req)
	q.Tell("store", "reason", 200, errAway)
	if got.Action != "store" || got.Reason != "reason" || got.Status != 200 || !errors.Is(got.Err, errAway) {
		t.Errorf("told %+v", got)
	}
	q.Req = req.WithContext(t.Context())
	q.Tell("store", "reason", 200, nil)
}

// The content of a QUERY is part of what is asked for.
func TestLookupQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, policy.Settings{})
		ask := func(content string, lines ...string) *Query {
			q := s.ask("http://example.com/", lines...)
			q.Method, q.Content = MethodQuery, []byte(content)
			q.SetUser(q.user, false)
			return q
		}
		s.keep(ask("a", "Content-Type: text/plain"), "to a")
		s.keep(ask("b", "Content-Type: text/plain"), "to b")
		for _, row := range []struct {
			why, content, want string
			lines              []string
		}{
			{"the same content", "a", "to a", []string{"Content-Type: text/plain"}},
			{"other content", "b", "to b", []string{"Content-Type: text/plain"}},
			{"content that nobody has sent", "c", "", []string{"Content-Type: text/plain"}},
			{"the same bytes in another format", "a", "", []string{"Content-Type: text/html"}},
			{"the same bytes in another coding", "a", "", []string{"Content-Type: text/plain", "Content-Encoding: gzip"}},
			{"another user", "a", "", []string{"Content-Type: text/plain", "Authorization: alice"}},
		} {
			if got := s.found(ask(row.content, row.lines...)); got != row.want {
				t.Errorf("%q %q: found %q, want %q: %s", row.content, row.lines, got, row.want, row.why)
			}
		}
		s.expect("a GET is no QUERY", "", "http://example.com/", "Content-Type: text/plain")
		s.ask("http://example.com/").Invalidate(t.Context(), policy.Changed)
		if got := s.found(ask("a", "Content-Type: text/plain")); got != "" {
			t.Errorf("found %q: an unsafe request invalidates the answers to all QUERYs", got)
		}
	})
}

// A keyedStore is a mapStore with a secret.
type keyedStore struct {
	*mapStore
	secret []byte
	err    error
}

func (s keyedStore) Secret(context.Context) ([]byte, error) { return s.secret, s.err }

// The keys of users depend on the secret of the Store. Without it nothing is stored for them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	ask := func(s store.Store, user string, hook func(trace.Event)) Query {
		c := New(&Shared{}, policy.Settings{}.Complete(), false, guard.NewBackend(s), guard.Options{Wait: -1, Back: func() {}})
		req, err := http.NewRequestWithContext(trace.WithHook(t.Context(), hook), http.MethodGet, "http://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q := c.Query(req)
		q.SetUser(user, false)
		return q
	}
	one, two := keyedStore{secret: []byte("one")}, keyedStore{secret: []byte("two")}
	for _, row := range []struct {
		why            string
		a, b           store.Store
		userA, userB   string
		same, secretly bool // the keys are the same, and b has its secret
	}{
		{"after a restart", one, one, "alice", "alice", true, true},
		{"another Store", one, two, "alice", "alice", false, true},
		{"another user", one, one, "alice", "bob", false, true},
		{"everybody's keys need no secret", one, keyedStore{err: errors.New("away")}, "", "", true, true},
		{"the Store does not give it", one, keyedStore{err: errors.New("away")}, "alice", "alice", false, false},
		{"the Store has an empty one", one, keyedStore{}, "alice", "alice", false, false},
		{"a Store without secrets: one of this process", &mapStore{}, &mapStore{}, "alice", "alice", false, true},
	} {
		told := 0
		a := ask(row.a, row.userA, func(trace.Event) {})
		b := ask(row.b, row.userB, func(e trace.Event) { told++ })
		if (a.Key == b.Key) != row.same || b.Secretless == row.secretly {
			t.Errorf("the same key: %v, no secret: %v: %s", a.Key == b.Key, b.Secretless, row.why)
		}
		_ = b.Hide("value")
		if row.userB != "" && (told > 0) == row.secretly || told > 1 {
			t.Errorf("told %d times: %s", told, row.why)
		}
	}
	q := ask(keyedStore{err: errors.New("away")}, "", func(trace.Event) {})
	q.Method = MethodQuery
	if q.SetUser("", false); q.Secretless {
		t.Error("a QUERY by nobody needs no secret")
	}
	alice := ask(one, "alice", nil)
	key := alice.Key
	alice.Req.Header.Set("Content-Type", "text/plain")
	if alice.SetUser("alice", false); alice.Key != key {
		t.Error("the Content-Type of a GET is part of its key")
	}
	for why, row := range map[string]struct{ got, want string }{
		"the user's name is hidden":                {alice.Owner(false), hide([]byte("one"), "alice")},
		"nobody knows who it is":                   {alice.Owner(true), "?"},
		"a request without credentials has nobody": {func() string { q := ask(one, "", nil); return q.Owner(false) }(), ""},
	} {
		if row.got != row.want {
			t.Errorf("owner %q, want %q: %s", row.got, row.want, why)
		}
	}
}
