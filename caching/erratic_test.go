package caching

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// seeds is how many random runs are made, and how many with TRIPPER_STRESS=1.
func seeds(few, many uint64) uint64 {
	if os.Getenv("TRIPPER_STRESS") == "1" {
		return many
	}
	return few
}

// chances are random numbers that goroutines share.
type chances struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newChances(seed uint64) *chances { return &chances{r: rand.New(rand.NewPCG(seed, 3))} }

func (c *chances) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.IntN(n)
}

func (c *chances) oneIn(n int) bool { return c.below(n) == 0 }

func (c *chances) upTo(d time.Duration) time.Duration { return time.Duration(c.below(int(d))) }

// unreliable is a store any call of which may fail. It counts what is open.
type unreliable struct {
	store.Store
	*chances
	percent int
	open    atomic.Int32
}

func (s *unreliable) fail() error {
	if s.below(100) < s.percent {
		return errors.New("store is away")
	}
	return nil
}

func (s *unreliable) Get(ctx context.Context, key string) (*store.Entry, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	e, err := s.Store.Get(ctx, key)
	if e == nil {
		return nil, err
	}
	s.open.Add(1)
	out := withMeta(e, e.Meta)
	out.Bytes, out.Body = nil, &unreliableBody{s: s, e: e}
	return out, err
}

type unreliableBody struct {
	s    *unreliable
	e    *store.Entry
	once sync.Once
}

func (b *unreliableBody) ReadAt(p []byte, off int64) (int, error) {
	if err := b.s.fail(); err != nil {
		return 0, err
	}
	if b.e.Body != nil {
		return b.e.Body.ReadAt(p, off)
	}
	return bytes.NewReader(b.e.Bytes).ReadAt(p, off)
}

func (b *unreliableBody) Close() error {
	b.once.Do(func() { b.s.open.Add(-1) })
	return b.e.Close()
}

func (s *unreliable) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	w, err := s.Store.Create(ctx, key, size)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &unreliableWriter{w, s}, nil
}

func (s *unreliable) Update(ctx context.Context, key string, m *store.Meta) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.Store.Update(ctx, key, m)
}

func (s *unreliable) Delete(ctx context.Context, key string) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key)
}

type unreliableWriter struct {
	store.Writer
	s *unreliable
}

func (w *unreliableWriter) Shorten() { w.Writer.(store.Shortener).Shorten() }

func (w *unreliableWriter) Write(p []byte) (int, error) {
	if err := w.s.fail(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w *unreliableWriter) Commit(ctx context.Context, m *store.Meta) error {
	if err := w.s.fail(); err != nil {
		return err
	}
	return w.Writer.Commit(ctx, m)
}

func (w *unreliableWriter) Close() error {
	w.s.open.Add(-1)
	return w.Writer.Close()
}

// erratic is an origin of one page, which changes, comes in pieces, slowly, and
// perhaps not to its end.
type erratic struct {
	*chances
	versions [][]byte
	current  atomic.Int32
	known    bool // the length is told
	steady   bool // nothing fails
	open     atomic.Int32
}

func (o *erratic) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-time.After(o.upTo(300 * time.Millisecond)):
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
	}
	switch {
	case !o.steady && o.oneIn(8):
		return nil, errNetwork
	case req.Method == "POST":
		return text(req, 200, "ok"), nil
	case o.oneIn(6):
		o.current.Store(int32(o.below(len(o.versions))))
	}
	v := o.current.Load()
	data, tag := o.versions[v], fmt.Sprintf(`"%d"`, v)
	lines := []string{"ETag: " + tag, fmt.Sprint("Cache-Control: max-age=", o.below(2))}
	if strings.Contains(req.Header.Get("If-None-Match"), tag) {
		return text(req, 304, "", lines...), nil
	}
	status := 200
	if specs, ok := httpfield.ParseRange(req.Header.Get("Range")); ok && strings.Contains(tag, req.Header.Get("If-Range")) {
		first, last, ok := specs[0].Resolve(int64(len(data)))
		if !ok {
			return text(req, 416, ""), nil
		}
		cr := httpfield.ContentRange{First: first, Last: last, Total: int64(len(data))}
		status, data, lines = 206, data[first:last+1], append(lines, "Content-Range: "+cr.String())
	}
	length := int64(len(data))
	if status == 200 && !o.known {
		length = -1
	}
	b := &erraticBody{o: o, data: data, ctx: req.Context(), closed: make(chan struct{})}
	if !o.steady && o.oneIn(4) {
		b.data, b.cut = data[:o.below(len(data))], true
	}
	o.open.Add(1)
	return respond(req, status, b, length, lines...), nil
}

type erraticBody struct {
	o      *erratic
	data   []byte
	cut    bool
	ctx    context.Context
	closed chan struct{}
	once   sync.Once
}

func (b *erraticBody) Read(p []byte) (int, error) {
	if !b.o.oneIn(4) {
		select {
		case <-time.After(b.o.upTo(200 * time.Millisecond)):
		case <-b.closed:
			return 0, errors.New("body closed")
		case <-b.ctx.Done():
			return 0, context.Cause(b.ctx)
		}
	}
	switch n := min(len(p), 1+b.o.below(40<<10)); {
	case len(b.data) > 0:
		n = copy(p[:n], b.data)
		b.data = b.data[n:]
		return n, nil
	case b.cut:
		return 0, io.ErrUnexpectedEOF
	default:
		return 0, io.EOF
	}
}

func (b *erraticBody) Close() error {
	b.once.Do(func() { close(b.closed); b.o.open.Add(-1) })
	return nil
}

// ask is what a caller does, who may leave at any time. pause is the longest that
// it thinks.
func (o *erratic) ask(t *testing.T, c *Transport, pause time.Duration) {
	t.Helper()
	ctx := context.Background() //nolint:usetesting // one that cannot be cancelled is one of the two
	if !o.oneIn(3) {
		limited, cancel := context.WithTimeout(ctx, pause/4+o.upTo(10*pause))
		defer cancel()
		ctx = limited
	}
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	switch o.below(10) {
	case 0:
		req.Method = "POST"
	case 1, 2:
		first := o.below(200 << 10)
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, first+o.below(100<<10)))
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if req.Method == "POST" || resp.StatusCode == 416 || resp.StatusCode == 504 {
		return
	}
	said := fmt.Sprint(resp.StatusCode, " ", resp.Header)
	var v int
	if _, err := fmt.Sscanf(resp.Header.Get("Etag"), `"%d"`, &v); err != nil {
		t.Errorf("no version: %s", said)
		return
	}
	want := o.versions[v]
	switch cr, ok := httpfield.ParseContentRange(resp.Header.Get("Content-Range")); {
	case ok != (resp.StatusCode == 206) || ok && cr.Total != int64(len(want)):
		t.Errorf("not of version %d: %s", v, said)
		return
	case ok:
		want = want[cr.First : cr.Last+1]
	}
	stop, closing := len(want)+1, false
	switch o.below(4) {
	case 0:
		stop = o.below(len(want))
	case 1:
		closing = true
		go func() {
			time.Sleep(o.upTo(pause))
			_ = resp.Body.Close()
		}()
	}
	buf := make([]byte, 1+o.below(200<<10))
	for got := 0; got < stop; {
		if o.oneIn(8) {
			time.Sleep(o.upTo(pause))
		}
		n, err := resp.Body.Read(buf)
		switch {
		case got+n > len(want) || !bytes.Equal(buf[:n], want[got:got+n]):
			t.Errorf("wrong bytes at %d of %d: %s", got, len(want), said)
			return
		case err == io.EOF && got+n < len(want):
			t.Errorf("ended after %d of %d bytes: %s", got+n, len(want), said)
		case err != nil && err != io.EOF && o.steady && !closing && !errors.Is(err, collapse.ErrLagging) && ctx.Err() == nil:
			t.Errorf("after %d bytes: %v", got+n, err)
		}
		if got += n; err != nil {
			return
		}
	}
}

// Whatever store and origin do, callers get the bytes of one version, or an error,
// and nothing is left when they have gone.
func TestErraticStoreAndOrigin(t *testing.T) {
	for seed := range seeds(8, 600) {
		synctest.Test(t, func(t *testing.T) {
			random := newChances(seed)
			o := &erratic{chances: random, known: !random.oneIn(3), steady: random.oneIn(2)}
			for v := range 4 {
				o.versions = append(o.versions, bytes.Repeat(fmt.Appendf(nil, "version %d, ", v), 4<<10+random.below(36<<10)))
			}
			s := &unreliable{Store: memorystore.New(int64(300<<10 + random.below(4<<20))), chances: random, percent: []int{0, 0, 3, 20}[random.below(4)]}
			o.steady = o.steady && s.percent == 0
			if seed%4 == 3 {
				s.Store = testStores(t)["dir"](t)
			}
			c := &Transport{Store: s}
			if random.oneIn(3) {
				c.MaxBody = int64(random.below(300 << 10))
			}
			o.run(t, c, s, 300*time.Millisecond)
		})
	}
}

// So it is with bodies that are too long to be stored, and readers who stop for
// longer than others wait for them.
func TestErraticReaders(t *testing.T) {
	for seed := range seeds(3, 150) {
		synctest.Test(t, func(t *testing.T) {
			random := newChances(seed)
			o := &erratic{chances: random, steady: true, versions: [][]byte{bytes.Repeat([]byte("0123456789abcde"), 200<<10)}}
			s := &unreliable{Store: memorystore.New(64 << 20), chances: random}
			o.run(t, &Transport{Store: s, MaxBody: int64(1 + random.below(2<<20))}, s, 70*time.Second)
		})
	}
}

func (o *erratic) run(t *testing.T, c *Transport, s *unreliable, pause time.Duration) {
	t.Helper()
	c.Base = o
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			for range 5 {
				time.Sleep(o.upTo(600 * time.Millisecond))
				o.ask(t, c, pause)
			}
		})
	}
	wg.Wait()
	time.Sleep(3 * time.Minute)
	_ = c.Close()
	synctest.Wait()
	if n, m := o.open.Load(), s.open.Load(); n != 0 || m != 0 {
		t.Errorf("open: %d bodies of the origin, %d entries and writers of the store", n, m)
	}
	if n := underWay(c); n != 0 {
		t.Errorf("left: %d flights", n)
	}
	if m, ok := s.Store.(*memorystore.Store); ok {
		for e := range m.List(t.Context()) {
			_ = m.Delete(t.Context(), e.Key)
		}
		if n := m.Stats().Bytes; n != 0 {
			t.Errorf("%d bytes are reserved for nothing", n)
		}
	}
}
