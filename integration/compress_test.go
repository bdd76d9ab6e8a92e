package integration_test

import (
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/redirects"
)

// undone returns the content of what was received, and what it came as.
func undone(t *testing.T, r seenRequest) (content, coding string) {
	t.Helper()
	if coding = r.header.Get("Content-Encoding"); coding != "gzip" {
		return r.body, coding
	}
	zr, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zr)
	if err != nil {
		t.Error(err)
	}
	return string(b), coding
}

// TestUploadCompressed: a body is compressed for each hop, try and challenge, as the
// resource takes it.
func TestUploadCompressed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		path, why string
		first     string // the requests of the first upload: path, coding
		second    string // and those of the second
	}{
		{"/takes", "the resource takes it", "/takes gzip", "/takes gzip"},
		{"/refuses", "what was learned holds for the next upload", "/refuses gzip, /refuses -", "/refuses -"},
		{"/hop", "each hop says for itself what it takes", "/hop gzip, /refuses gzip, /refuses -", "/hop gzip, /refuses -"},
		{"/busy", "each try sends the whole body", "/busy gzip, /busy gzip", "/busy gzip, /busy gzip"},
		{"/signed", "auth-int is over the bytes that are sent", "/signed gzip, /signed gzip", "/signed gzip"},
	} {
		t.Run(row.path, func(t *testing.T) {
			t.Parallel()
			var o *server
			o = newServer(t, func(w http.ResponseWriter, r *http.Request) { upload(w, r, o) })
			l := newStack(t)
			l.redirects = &redirects.Transport{Unsafe: true}
			var keys auth.Keyring
			keys.Add("joe", "secret", o.addr())
			l.auth.Credentials = &keys
			client, content, seen := l.client(), text(), 0
			for i, want := range []string{row.first, row.second} {
				wantReply(t, ask(t.Context(), client, "PUT "+o.URL+row.path, content), 200, "got it")
				var got []string
				all := o.requests("/")
				for _, r := range all[seen:] {
					body, coding := undone(t, r)
					if coding == "" {
						coding = "-"
					}
					if got = append(got, r.uri+" "+coding); body != content {
						t.Errorf("upload %d: %s received %d bytes of another body", i, r.uri, len(body))
					}
				}
				if seen = len(all); strings.Join(got, ", ") != want {
					t.Errorf("upload %d: sent %s, want %s: %s", i, strings.Join(got, ", "), want, row.why)
				}
			}
		})
	}
}

// upload answers as the path says.
func upload(w http.ResponseWriter, r *http.Request, o *server) {
	all := o.requests(r.URL.Path)
	last := all[len(all)-1]
	switch {
	case r.URL.Path == "/hop":
		http.Redirect(w, r, "/refuses", http.StatusTemporaryRedirect)
	case r.URL.Path == "/refuses" && last.header.Get("Content-Encoding") != "":
		w.WriteHeader(http.StatusUnsupportedMediaType)
	case r.URL.Path == "/busy" && len(all)%2 == 1:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/signed" && !signedBy("joe", "secret", last):
		w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth-int", algorithm=MD5`)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		_, _ = io.WriteString(w, "got it")
	}
}

// signedBy reports whether the Digest of a request is right for its body (RFC 7616
// §3.4).
func signedBy(user, password string, r seenRequest) bool {
	param := func(name string) string {
		_, rest, _ := strings.Cut(r.header.Get("Authorization"), " "+name+"=")
		value, _, _ := strings.Cut(rest+",", ",")
		return strings.Trim(value, `"`)
	}
	sum := func(parts ...string) string {
		h := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	want := sum(sum(user, "r", password), "n", param("nc"), param("cnonce"), "auth-int",
		sum(r.method, r.uri, sum(r.body)))
	return param("response") == want
}
