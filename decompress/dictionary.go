package decompress

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// DefaultDictionaryBytes is how much Dictionaries keeps if MaxBytes is zero: 16
// MiB.
const DefaultDictionaryBytes = 16 << 20

// maxDictionaries bounds what is searched for each request.
const maxDictionaries = 128

// Dictionaries keeps responses that a server means as dictionaries for later
// ones (RFC 9842), so that these can come in the coding dcz: zstd that refers to
// the stored response. The zero value is ready to use; several Transports may
// share one.
//
// A dictionary is kept while it is fresh by its own Cache-Control or Expires, for
// its origin, and for requests with the same Authorization and Cookie as the one
// that fetched it, and the same credentials of an auth layer below; cookies of a
// Jar below are not known here. The ones used longest ago make room for new ones. They tell a
// server which of its responses a client has: like cookies, they should be
// forgotten together with the rest of a user's traces, which [Dictionaries.Clear]
// does.
//
// Patterns with regular expressions or named groups are not understood; such
// dictionaries are not kept. Where a layer below follows redirects, the fields
// Available-Dictionary and Dictionary-ID go along.
type Dictionaries struct {
	// MaxBytes is how much is kept. One dictionary may be half of it. If zero,
	// DefaultDictionaryBytes is used.
	MaxBytes int64

	mu    sync.Mutex
	all   []*dictionary // used longest ago first
	bytes int64
}

// dictionary is a stored response. It does not change.
type dictionary struct {
	usage
	key     dictionaryKey
	url     string
	content []byte
	hash    [sha256.Size]byte
	fetched time.Time
	until   time.Time
}

// dictionaryKey is who a dictionary is for.
type dictionaryKey struct {
	origin roundtrip.Origin
	user   [sha256.Size]byte // zero if the request names none
}

// keyOf returns for whom the answer to req is. who is whose credentials a layer
// below adds.
func keyOf(req *http.Request, origin roundtrip.Origin, who string) dictionaryKey {
	k := dictionaryKey{origin: origin}
	if len(req.Header["Authorization"])+len(req.Header["Cookie"]) > 0 || who != "" {
		h := sha256.New()
		_, _ = io.WriteString(h, who+"\x00")
		for _, name := range []string{"Authorization", "Cookie"} {
			for _, v := range req.Header[name] {
				_, _ = io.WriteString(h, name+"\x00"+v+"\x00")
			}
		}
		h.Sum(k.user[:0])
	}
	return k
}

// window returns the window that dcz may have at least: RFC 9842 §5 says 8 MiB
// or 1.25 times the dictionary, up to 128 MiB.
func (d *dictionary) window() int64 {
	return min(max(8<<20, int64(len(d.content))*5/4), 128<<20)
}

// Clear forgets all dictionaries.
func (s *Dictionaries) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.bytes = nil, 0
}

func (s *Dictionaries) maxBytes() int64 {
	if s.MaxBytes <= 0 {
		return DefaultDictionaryBytes
	}
	return s.MaxBytes
}

// find returns the dictionary for a request, nil if there is none (RFC 9842
// §2.2.3: the longest match wins, then the newest).
func (s *Dictionaries) find(req *http.Request, who string, now time.Time) *dictionary {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || !secure(req.URL) {
		return nil
	}
	key := keyOf(req, roundtrip.OriginOf(req.URL), who)
	var best *dictionary
	s.removeIf(func(d *dictionary) bool { return !now.Before(d.until) })
	for _, d := range s.all {
		if d.key == key && d.pattern.matches(req.URL) && (best == nil || len(d.match) > len(best.match) ||
			len(d.match) == len(best.match) && d.fetched.After(best.fetched)) {
			best = d
		}
	}
	if best != nil {
		i := slices.Index(s.all, best)
		s.all = append(slices.Delete(s.all, i, i+1), best)
	}
	return best
}

// removeIf forgets the dictionaries for which f is true. s.mu is held.
func (s *Dictionaries) removeIf(f func(*dictionary) bool) {
	s.all = slices.DeleteFunc(s.all, func(d *dictionary) bool {
		if !f(d) {
			return false
		}
		s.bytes -= int64(len(d.content))
		return true
	})
}

// put keeps d, in place of one from the same URL with the same match.
func (s *Dictionaries) put(d *dictionary) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeIf(func(o *dictionary) bool { return o.key == d.key && o.url == d.url && o.match == d.match })
	s.all = append(s.all, d)
	s.bytes += int64(len(d.content))
	for s.bytes > s.maxBytes() || len(s.all) > maxDictionaries {
		oldest := s.all[0]
		s.removeIf(func(o *dictionary) bool { return o == oldest })
	}
}

// offer adds to out, whose header is the layer's own, what says that a
// dictionary is there, if one is.
func (s *Dictionaries) offer(out *http.Request, who string, accept []string) (*http.Request, *dictionary) {
	if _, own := out.Header["Available-Dictionary"]; own {
		return out, nil
	}
	d := s.find(out, who, time.Now())
	if d == nil {
		return out, nil
	}
	// §6.1: the coding is offered only together with a dictionary.
	out.Header["Accept-Encoding"] = []string{accept[0] + ", dcz"}
	out.Header["Available-Dictionary"] = []string{":" + base64.StdEncoding.EncodeToString(d.hash[:]) + ":"}
	if d.id != "" {
		out.Header["Dictionary-Id"] = []string{httpfield.Quote(d.id)}
	}
	if hook := trace.From(out.Context()); hook != nil {
		hook(trace.About(out, "decompress", "dictionary", "offered, from "+d.url))
	}
	return out, d
}

// learn returns resp, which is decoded by now, with a body that records itself if
// it is meant as a dictionary. method is that of req before it was handed down.
func (s *Dictionaries) learn(req *http.Request, method, who string, resp *http.Response) *http.Response {
	values := resp.Header["Use-As-Dictionary"]
	if len(values) == 0 {
		return resp
	}
	why := "not a 200 to a GET"
	var d *dictionary
	if (method == http.MethodGet || method == "") && resp.StatusCode == http.StatusOK {
		d, why = s.candidate(req, who, resp, values, time.Now())
	}
	if hook := trace.From(req.Context()); hook != nil {
		e := trace.About(req, "decompress", "dictionary", "recorded")
		if why != "" {
			e.Action, e.Reason = "no dictionary", why
		}
		e.Status = resp.StatusCode
		hook(e)
	}
	if why != "" {
		return resp
	}
	out := *resp
	out.Body = &recorder{ReadCloser: resp.Body, store: s, dict: d, most: int(s.maxBytes() / 2)}
	return &out
}

// candidate decides whether resp, a 200 to a GET, may become a dictionary.
func (s *Dictionaries) candidate(req *http.Request, who string, resp *http.Response, values []string, now time.Time) (*dictionary, string) {
	u := resp.Request.URL
	switch {
	case len(resp.Header["Content-Encoding"]) > 0:
		return nil, "not decoded"
	case !secure(u):
		return nil, "not a secure context"
	case resp.ContentLength > s.maxBytes()/2:
		return nil, "too large"
	}
	fresh := freshFor(resp.Header, now)
	if fresh == 0 {
		return nil, "not fresh"
	}
	usage, why := parseUsage(values, u)
	if why != "" {
		return nil, why
	}
	return &dictionary{
		usage: usage, key: keyOf(req, roundtrip.OriginOf(u), who), url: trace.Redact(u),
		fetched: now, until: now.Add(fresh),
	}, ""
}

// recorder copies a body that is read to its end.
type recorder struct {
	io.ReadCloser
	store *Dictionaries
	dict  *dictionary // nil if given up or done
	most  int
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.dict == nil {
		return n, err
	}
	d := r.dict
	if len(d.content)+n > r.most || err != nil && err != io.EOF {
		r.dict = nil
		return n, err
	}
	d.content = append(d.content, p[:n]...)
	if err == io.EOF {
		r.dict = nil
		d.content = slices.Clip(d.content)
		d.hash = sha256.Sum256(d.content)
		r.store.put(d)
	}
	return n, err
}
