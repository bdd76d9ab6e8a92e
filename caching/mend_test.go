package caching

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// losing is a Store that loses all of a body but its first bytes once it was found.
type losing struct {
	*memorystore.Store
	keep   int64
	timing store.Timing
	err    error // of reading the rest, errLost if nil
}

func (s *losing) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: s.timing}
}

func (s *losing) Get(ctx context.Context, key string) (*store.Entry, error) {
	e, err := s.Store.Get(ctx, key)
	if e == nil || e.Size == 0 {
		return e, err
	}
	return &store.Entry{Meta: e.Meta, Size: e.Size, Body: &lostBody{e, s.keep, cmp.Or(s.err, errLost)}}, nil
}

type lostBody struct {
	e    *store.Entry
	keep int64
	err  error
}

var errLost = errors.New("connection refused")

func (b *lostBody) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.keep {
		return 0, b.err
	}
	return copy(p, b.e.Bytes[off:b.keep]), b.err
}

func (b *lostBody) Close() error { return nil }

func TestBodyLostInMidHit(t *testing.T) {
	whole := strings.Repeat("0123456789abcdef", 10<<10)
	changed := strings.ToUpper(whole)
	for _, row := range []struct {
		name, why string
		keep      int64
		validator string // of the response
		ask       string // a field of the second request
		origin    string // "ranges", "no ranges", "short", "changed", "down"
		want      string // the body, "" for an error
	}{
		{"rest", "RFC 9110 §14, §13.1.5: the rest under the same strong validator", 100_000, `ETag: "a"`, "", "ranges", whole},
		{"whole", "an origin without ranges sends the same again", 100_000, `ETag: "a"`, "", "no ranges", whole},
		{"range", "of a range of the caller's", 100_000, `ETag: "a"`, "Range: bytes=50000-149999", "ranges", whole[50_000:150_000]},
		{"range, whole", "what comes whole is cut to what the caller asked for", 100_000, `ETag: "a"`, "Range: bytes=50000-149999", "no ranges", whole[50_000:150_000]},
		{"suffix", "nothing of the range is there", 100_000, `ETag: "a"`, "Range: bytes=150000-150009", "ranges", whole[150_000:150_010]},
		{"changed", "two versions make no body", 100_000, `ETag: "a"`, "", "changed", ""},
		{"short", "what ends before the missing part begins is no end of the body", 100_000, `ETag: "a"`, "", "short", ""},
		{"down", "there is nobody to ask", 100_000, `ETag: "a"`, "", "down", ""},
		{"weak", "a weak validator does not tell bytes apart", 100_000, `ETag: W/"a"`, "", "ranges", ""},
		{"none", "nor does none", 100_000, "", "", "ranges", ""},
		{"at once", "nothing was delivered: begun again", 0, `ETag: W/"a"`, "", "ranges", whole},
		{"at once, none", "begun again", 0, "", "", "no ranges", whole},
	} {
		for _, timing := range []store.Timing{store.TimingImmediate, store.TimingUnknown, store.TimingContext} {
			asked, state := 0, "ranges"
			c := &Transport{Store: &losing{memorystore.New(0), row.keep, timing, nil}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				asked++
				lines := []string{"Cache-Control: max-age=60"}
				if row.validator != "" {
					lines = append(lines, row.validator)
				}
				var first, last int
				switch n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &first, &last); {
				case state == "down":
					return nil, io.ErrUnexpectedEOF
				case state == "short":
					return respond(req, 200, strings.NewReader(whole[:10]), -1, lines...), nil
				case state == "changed":
					return text(req, 200, changed, "Cache-Control: max-age=60", `ETag: "b"`), nil
				case state == "ranges" && n == 2 && strings.Contains(`"a"`, req.Header.Get("If-Range")):
					return text(req, 206, whole[first:last+1], append(lines, fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, len(whole)))...), nil
				}
				return text(req, 200, whole, lines...), nil
			})}
			get(t, c, t.Context(), "http://example.com/")
			state = row.origin
			var lines []string
			if row.ask != "" {
				lines = append(lines, row.ask)
			}
			resp, body, err := try(c, t.Context(), "GET", "http://example.com/", lines...)
			switch {
			case row.want == "" && (err == nil || !errors.Is(err, errLost)):
				t.Errorf("%s, timing %d: %d bytes and %v, want an error that says so: %s", row.name, timing, len(body), err, row.why)
			case row.want != "" && (err != nil || body != row.want):
				t.Errorf("%s, timing %d: %d of %d bytes, %v (%s): %s", row.name, timing, len(body), len(row.want), err, resp.Header.Get("Cache-Status"), row.why)
			case row.want != "" && asked != 2:
				t.Errorf("%s, timing %d: the origin was asked %d times", row.name, timing, asked)
			}
		}
	}
}

// The rest of a body is not put at the end of a stored part that is shorter than it was: what
// is missing, and no more, comes from the origin.
func TestStoredPartHasShrunk(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 16<<10)
	const cut = 130 << 10
	for _, kept := range []int64{0, 1000} {
		for _, broken := range []error{io.EOF, errLost} {
			s := &losing{memorystore.New(0), int64(len(body)), store.TimingImmediate, broken}
			origin := &brokenOrigin{body: body, cut: cut, lines: []string{`ETag: "a"`, "Cache-Control: max-age=60"}}
			c := &Transport{Store: s, Base: origin}
			if _, _, err := try(c, t.Context(), "GET", "http://example.com/"); err == nil {
				t.Fatal("nothing has broken off")
			}
			s.keep = kept
			_, got, err := try(c, t.Context(), "GET", "http://example.com/")
			if last, want := origin.asked[len(origin.asked)-1], fmt.Sprintf(`bytes=%d-%d "a"`, kept, cut-1); got != body || err != nil || last != want {
				t.Errorf("%d bytes are left, then %v: got %d of %d bytes, %v; the origin was asked for %s, want %s", kept, broken, len(got), len(body), err, last, want)
			}
		}
	}
}

// What is lost of the response to a QUERY is not taken from the response to a GET, which may
// have the same validator.
func TestBodyLostOfQuery(t *testing.T) {
	for _, row := range []struct {
		keep int64
		line string
		why  string
	}{
		{0, "X: 1", "nothing was delivered, and nothing tells the two apart"},
		{2, `ETag: "a"`, "the tag counts the versions of the resource"},
	} {
		asked := 0
		s := &losing{memorystore.New(0), row.keep, store.TimingImmediate, nil}
		c := &Transport{CacheQuery: true, Store: s, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			asked++
			return text(req, 200, req.Method+" ", "Cache-Control: max-age=60", row.line), nil
		})}
		for i := range 2 {
			req, err := http.NewRequestWithContext(t.Context(), "QUERY", "http://example.com/", strings.NewReader("q"))
			if err != nil {
				t.Fatal(err)
			}
			_, body, err := exchanged(c, req)
			if !strings.HasPrefix("QUERY ", body) || errors.Is(err, errLost) != (i == 1) || asked != 1 {
				t.Errorf("request %d: %q, %v, after %d trips: %s", i+1, body, err, asked, row.why)
			}
		}
	}
}
