package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// articleText is long enough to be worth coding.
var articleText = strings.Repeat("All that you touch, you change. ", 400)

// An origin is the server of the tour: two origins, in the sense of RFC 6454, on
// two ports.
type origin struct {
	listen        func() (net.Listener, error)
	first, second *http.Server
	addr, other   string
	seen          atomic.Int64 // requests to both
	busy          atomic.Int64 // requests to /busy
	doc           document
}

// startOrigin starts an origin on listeners that listen makes; if it is nil, on free
// loopback ports.
func startOrigin(listen func() (net.Listener, error)) (*origin, error) {
	if listen == nil {
		listen = func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	}
	o := &origin{listen: listen}
	o.doc.put("version 1")
	var err error
	if o.second, o.other, err = o.serve(o.elsewhere()); err != nil {
		return nil, err
	}
	if o.first, o.addr, err = o.serve(o.home()); err != nil {
		_ = o.second.Close()
		return nil, err
	}
	return o, nil
}

// serve starts a server.
func (o *origin) serve(h http.Handler) (*http.Server, string, error) {
	l, err := o.listen()
	if err != nil {
		return nil, "", err
	}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.seen.Add(1)
		h.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }() // ends with close
	return srv, l.Addr().String(), nil
}

func (o *origin) close() {
	_ = o.first.Close()
	_ = o.second.Close()
}

func (o *origin) host() string           { return o.addr }
func (o *origin) url(path string) string { return "http://" + o.addr + path }

// home is the first origin.
func (o *origin) home() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /article", article)
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "visited", Value: "yes", Path: "/"})
		http.Redirect(w, r, "http://"+o.other+"/here", http.StatusFound)
	})
	mux.Handle("GET /private", digest{user: "mufasa", password: "Circle of Life", realm: "tour"})
	mux.HandleFunc("GET /busy", func(w http.ResponseWriter, _ *http.Request) {
		if o.busy.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "free again")
	})
	mux.Handle("/doc", &o.doc)
	return mux
}

// elsewhere is the second origin: it tells which credentials reached it.
func (o *origin) elsewhere() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /here", func(w http.ResponseWriter, r *http.Request) {
		credentials := "no credentials"
		if r.Header.Get("Authorization") != "" {
			credentials = "credentials that were not meant for it"
		}
		// Cookies know no ports: the jar sends this one to the same host.
		fmt.Fprintf(w, "%s, cookie: %s", credentials, r.Header.Get("Cookie"))
	})
	return mux
}

// article has a coding by Accept-Encoding, a tag per coding and a minute of
// freshness.
func article(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "max-age=60")
	h.Set("Vary", "Accept-Encoding")
	var buf bytes.Buffer
	var enc io.WriteCloser
	tag := `"article"`
	switch accept := r.Header.Get("Accept-Encoding"); {
	case strings.Contains(accept, "zstd"):
		enc, _ = zstd.NewWriter(&buf) // no option, no error
		tag = `"article-zstd"`
		h.Set("Content-Encoding", "zstd")
	case strings.Contains(accept, "gzip"):
		enc = gzip.NewWriter(&buf)
		tag = `"article-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if enc == nil {
		_, _ = io.WriteString(w, articleText)
		return
	}
	_, _ = io.WriteString(enc, articleText)
	_ = enc.Close()
	_, _ = w.Write(buf.Bytes())
}

// document is a resource that can be edited under If-Match.
type document struct {
	mu      sync.Mutex
	text    string
	version int
	refused int
	written int
}

func (d *document) put(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = text
	d.version++
}

// is returns an error unless text is what the document says now, after that many
// writes over HTTP, refused ones included.
func (d *document) is(text string, writes int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.text != text || d.written+d.refused != writes {
		return fmt.Errorf("the document says %q after %d writes, want %q after %d", d.text, d.written+d.refused, text, writes)
	}
	return nil
}

func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tag := fmt.Sprintf(`"v%d"`, d.version)
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("ETag", tag)
		_, _ = io.WriteString(w, d.text)
	case http.MethodPut:
		if match := r.Header.Get("If-Match"); match != "" && match != tag {
			d.refused++
			http.Error(w, "somebody else was here", http.StatusPreconditionFailed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.text = string(body)
		d.version++
		d.written++
		w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, d.version))
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// digest asks for Digest authentication with SHA-256 (RFC 7616), as much of it as
// a tour needs.
type digest struct{ user, password, realm string }

const nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"

func (d digest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := make(map[string]string)
	credentials, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	for part := range strings.SplitSeq(credentials, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		p[k] = strings.Trim(v, `"`)
	}
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return hex.EncodeToString(h[:])
	}
	ha1 := sum(d.user + ":" + d.realm + ":" + d.password)
	ha2 := sum(r.Method + ":" + r.URL.RequestURI())
	want := sum(strings.Join([]string{ha1, nonce, p["nc"], p["cnonce"], "auth", ha2}, ":"))
	if p["username"] != d.user || p["uri"] != r.URL.RequestURI() || subtle.ConstantTimeCompare([]byte(p["response"]), []byte(want)) != 1 {
		w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm=%q, nonce=%q, algorithm=SHA-256, qop="auth"`, d.realm, nonce))
		w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Basic realm=%q`, d.realm))
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, "hello, %s", d.user)
}
