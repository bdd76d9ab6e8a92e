package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/compress"
)

// An arrival is a request body as an origin has received it.
type arrival struct {
	path, coding string
	signed       bool // by the caller, for this origin
	refused      bool
}

// appetite is what a path takes as request bodies.
type appetite struct {
	codings []string
	says    bool // it names its codings in a refusal
	length  bool // it wants a Content-Length, and so takes no coding
}

// appetiteOf returns that of a path of a host, the same each time.
func (w *world) appetiteOf(host, path string) appetite {
	r := newRand(w.seed, "appetite", host, path)
	a := appetite{says: chance(r, 50), length: chance(r, 15)}
	if !a.length {
		a.codings = pick(r, nil, nil, []string{"gzip"}, []string{"zstd"}, []string{"gzip", "zstd"})
	}
	return a
}

func (a appetite) takes(coding string) bool {
	return coding == "" || slices.Contains(a.codings, coding)
}

// newCompress makes the layer that the doors of a world have in common.
func (w *world) newCompress() *compress.Transport {
	return &compress.Transport{Coding: pick(w.rand, "", "gzip", "zstd"), MinBytes: pick[int64](w.rand, 0, 200, -1)}
}

// uploadContent is the content of a write of n words: its length can be seen in it.
func uploadContent(n int) []byte { return fmt.Appendf([]byte(strings.Repeat("change ", n)), "%d", n) }

// receive returns the content of a request. The caller may have given up in the middle
// of the body: then there is nothing to compare.
func (o *origin) receive(r *http.Request) (content string) {
	sent, err := io.ReadAll(r.Body)
	coding := r.Header.Get("Content-Encoding")
	if err != nil {
		return ""
	}
	b, err := undo(coding, sent)
	n := bytes.Count(b, []byte("change"))
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	switch {
	case err != nil:
		o.w.failf(o.host+r.RequestURI, "a body is not in its coding %s: %v", coding, err)
	case len(sent) > 0 && !bytes.Equal(b, uploadContent(n)):
		o.w.failf(o.host+r.RequestURI, "%d bytes came of another content, in coding %q", len(b), coding)
	case coding != "" && !o.w.layers.compress:
		o.w.failf(o.host+r.RequestURI, "there is no layer that compresses, and a body came in %s", coding)
	}
	return string(b)
}

// undo undoes a coding of a request body.
func undo(coding string, b []byte) ([]byte, error) {
	if coding != "zstd" {
		return decoded(coding, b)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(b, nil)
}

// refuses answers a write whose body the path does not take, and notes each write that
// has come. r has its own credentials by then.
func (o *origin) refuses(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return false
	}
	a := o.w.appetiteOf(o.host, r.URL.Path)
	u := arrival{path: o.host + r.URL.Path, coding: r.Header.Get("Content-Encoding")}
	u.signed = r.Header.Get("X-Signed") != "" && r.Header.Get("Authorization") != ""
	status := http.StatusUnsupportedMediaType
	if u.refused = !a.takes(u.coding); a.length {
		status, u.refused = http.StatusLengthRequired, r.ContentLength < 0
	}
	o.w.mu.Lock()
	id := r.Header.Get("X-Write")
	o.w.uploads[id] = append(o.w.uploads[id], u)
	o.w.mu.Unlock()
	if u.refused {
		if a.says {
			w.Header().Set("Accept-Encoding", strings.Join(append(a.codings, "identity"), ", "))
		}
		w.WriteHeader(status)
	}
	return u.refused
}

// checkUploads judges in which codings a write was sent. Half an hour after a refusal
// the layer must still know of it.
func (x *exchange) checkUploads() {
	w := x.p.w
	layer := w.compress
	atLeast, preferred := layer.MinBytes, layer.Coding
	if atLeast == 0 {
		atLeast = compress.DefaultMinBytes
	}
	if preferred == "" {
		preferred = compress.DefaultCoding
	}
	for _, u := range w.uploads[x.req.Header.Get("X-Write")] {
		host, path, _ := strings.Cut(u.path, "/")
		a := w.appetiteOf(host, "/"+path)
		learned, known := w.learned[u.path]
		switch {
		case u.signed && u.coding != "":
			x.failf("what the caller has signed was sent in %s", u.coding)
		case known && x.t0.After(learned) && x.t0.Sub(learned) < 30*time.Minute && !a.takes(u.coding):
			x.failf("a body was sent in %s, which %s had refused at %s", u.coding, u.path, learned.Format(clock))
		case w.layers.compress && !u.signed && a.takes(preferred) && u.coding != preferred && (x.req.GetBody == nil || x.req.ContentLength >= atLeast):
			x.failf("a body was sent in %q to %s, which takes %s", u.coding, u.path, preferred)
		}
		if u.refused && u.coding != "" && x.resp != nil && !x.cancelled && x.resp.StatusCode < 300 {
			w.learned[u.path] = x.t1
		}
	}
}

// unwelcome reports whether a refusal is the caller's answer: the body cannot be sent
// again in another coding, or with its length.
func (x *exchange) unwelcome() bool {
	status := x.resp.StatusCode
	return x.req.GetBody == nil && (status == http.StatusUnsupportedMediaType || status == http.StatusLengthRequired)
}
