package integration_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
)

// A resource is one target of an origin. What it answers depends on its version,
// on the user where it is private, and on the language where it varies: each is
// written into every byte of the body, so that no two can be mixed up unseen.
type resource struct {
	host, uri string

	private  bool   // has a body for each user, and wants credentials
	scheme   string // of the challenge: "basic" or "digest"
	control  string // Cache-Control
	lifetime time.Duration
	swr, sie time.Duration // stale-while-revalidate, stale-if-error
	strict   bool          // never to be served stale: must-revalidate, no-cache
	guess    bool          // says nothing about freshness, and so is for heuristics
	tag      string        // "strong", "weak" or "" for none
	modified bool          // has Last-Modified
	varies   bool          // by Accept-Language
	coded    bool          // by Accept-Encoding
	chunked  bool          // has no Content-Length
	tells    bool          // answers writes with the new tag
	size     int

	versions []version
	bodies   map[form][]byte
	changes  *rand.Rand // when it changes by itself
	every    time.Duration
	next     time.Time
}

// A version is what a resource is from a time on, until the next one.
type version struct {
	start time.Time
	gone  bool   // deleted: 404
	write string // the identifier of the write that made it
}

func (r *resource) String() string {
	return fmt.Sprintf("%s%s: %q, private %t, challenge %s, tag %s, Last-Modified %t, varies %t, coded %t, chunked %t, changes every %s",
		r.host, r.uri, r.control, r.private, r.scheme, r.tag, r.modified, r.varies, r.coded, r.chunked, r.every)
}

func (r *resource) current() int { return len(r.versions) - 1 }

// until is when version v ceased to be current; ok is false if it still is.
func (r *resource) until(v int) (end time.Time, ok bool) {
	if v+1 >= len(r.versions) {
		return time.Time{}, false
	}
	return r.versions[v+1].start, true
}

// A form is what a response holds of a resource.
type form struct {
	version               int
	user, variant, coding string
}

// etag is the entity tag of a form, empty if the resource has none.
func (r *resource) etag(f form) string {
	value := fmt.Sprintf(`"v%d.%s.%s.%s"`, f.version, f.user, f.variant, f.coding)
	switch r.tag {
	case "strong":
		return value
	case "weak":
		return "W/" + value
	}
	return ""
}

// versionOf returns the version that an entity tag names, or -1.
func versionOf(tag string) int {
	var v int
	if _, err := fmt.Sscanf(strings.TrimPrefix(tag, "W/"), `"v%d.`, &v); err != nil {
		return -1
	}
	return v
}

// lastModified is that of a version, to the second as HTTP has it.
func (r *resource) lastModified(v int) time.Time { return r.versions[v].start.Truncate(time.Second) }

// plain is the body of a form before it is coded.
func (r *resource) plain(f form) []byte {
	head := fmt.Sprintf("%s%s user=%s version=%d variant=%s\n", r.host, r.uri, f.user, f.version, f.variant)
	h := fnv.New64a()
	_, _ = io.WriteString(h, head)
	random := rand.New(rand.NewPCG(h.Sum64(), 1))
	b := make([]byte, 0, len(head)+r.size+f.version%5*7)
	b = append(b, head...)
	for n := r.size + f.version%5*7; n > 0; n -= 8 {
		for letters := random.Uint64(); letters > 0 && len(b) < cap(b); letters >>= 8 {
			b = append(b, 'a'+byte(letters&15))
		}
	}
	return b
}

// body is that of a form as it goes over the wire. The world is locked.
func (r *resource) body(f form) []byte {
	b, ok := r.bodies[f]
	if !ok {
		if b = encode(f.coding, r.plain(f)); r.bodies == nil {
			r.bodies = make(map[form][]byte)
		}
		r.bodies[f] = b
	}
	return b
}

func encode(coding string, b []byte) []byte {
	var out bytes.Buffer
	switch coding {
	case "gzip":
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
	case "br":
		w := brotli.NewWriterLevel(&out, 1)
		_, _ = w.Write(b)
		_ = w.Close()
	default:
		return b
	}
	return out.Bytes()
}

// codingFor is the coding that an origin chooses for an Accept-Encoding.
func (r *resource) codingFor(accept string) string {
	if !r.coded {
		return ""
	}
	for _, coding := range []string{"br", "gzip"} {
		if strings.Contains(accept, coding) {
			return coding
		}
	}
	return ""
}

// variantFor is the variant that an origin chooses for an Accept-Language.
func (r *resource) variantFor(accept string) string {
	if !r.varies {
		return "all"
	}
	if accept == "" {
		return "en"
	}
	return accept
}
