// Package dictionary keeps the responses that a server has marked as dictionaries for later
// ones (RFC 9842).
//
// usage.go reads Use-As-Dictionary, store.go keeps the dictionaries of each origin and
// user, exchange.go offers one with a request and records the content of a response.
// Nothing is decoded here: package decompress does that with the [Entry] of a request.
package dictionary

import (
	"crypto/sha256"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxEntries bounds how many dictionaries are searched for each request.
const maxEntries = 128

// Store keeps dictionaries. The zero value is ready to use, and safe for concurrent
// use.
type Store struct {
	mu    sync.Mutex // guards all and bytes
	all   []*Entry   // used longest ago first
	bytes int64
}

// Entry is a dictionary: a stored response. It does not change.
type Entry struct {
	// Content is the dictionary.
	Content []byte
	// Hash is the SHA-256 of Content, which names it.
	Hash [sha256.Size]byte

	usage
	key     key
	url     string
	fetched time.Time
	until   time.Time
}

// key is the origin and the user that a dictionary is for.
type key struct {
	origin roundtrip.Origin
	user   [sha256.Size]byte // zero if the request names none
}

// keyOf returns the key of the response to req. principal names the user whose
// credentials a layer below adds.
func keyOf(req *http.Request, origin roundtrip.Origin, principal string) key {
	k := key{origin: origin}
	if len(req.Header["Authorization"])+len(req.Header["Cookie"]) > 0 || principal != "" {
		h := sha256.New()
		_, _ = io.WriteString(h, principal+"\x00")
		for _, name := range []string{"Authorization", "Cookie"} {
			for _, v := range req.Header[name] {
				_, _ = io.WriteString(h, name+"\x00"+v+"\x00")
			}
		}
		h.Sum(k.user[:0])
	}
	return k
}

// Window returns the window that dcz may have at least: RFC 9842 §5 says 8 MiB
// or 1.25 times the dictionary, up to 128 MiB.
func (d *Entry) Window() int64 {
	return min(max(8<<20, int64(len(d.Content))*5/4), 128<<20)
}

// Clear forgets all dictionaries.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.bytes = nil, 0
}

// find returns the dictionary for a request, nil if there is none (RFC 9842
// §2.2.3: the longest match wins, then the newest).
func (s *Store) find(req *http.Request, principal string, now time.Time) *Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || !secure(req.URL) {
		return nil
	}
	k := keyOf(req, roundtrip.OriginOf(req.URL), principal)
	var best *Entry
	s.removeIfLocked(func(d *Entry) bool { return !now.Before(d.until) })
	for _, d := range s.all {
		if d.key == k && d.pattern.matches(req.URL) && (best == nil || len(d.match) > len(best.match) ||
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

// removeIfLocked forgets the dictionaries for which f is true.
func (s *Store) removeIfLocked(f func(*Entry) bool) {
	s.all = slices.DeleteFunc(s.all, func(d *Entry) bool {
		if !f(d) {
			return false
		}
		s.bytes -= int64(len(d.Content))
		return true
	})
}

// put keeps d, in place of one from the same URL with the same match, and limit
// bytes in all at most.
func (s *Store) put(d *Entry, limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeIfLocked(func(o *Entry) bool { return o.key == d.key && o.url == d.url && o.match == d.match })
	s.all = append(s.all, d)
	s.bytes += int64(len(d.Content))
	for s.bytes > limit || len(s.all) > maxEntries {
		oldest := s.all[0]
		s.removeIfLocked(func(o *Entry) bool { return o == oldest })
	}
}
