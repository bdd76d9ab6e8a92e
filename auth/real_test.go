package auth_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/servers"
)

// counted counts round trips and those that were refused.
type counted struct {
	http.RoundTripper
	trips, refused atomic.Int32
}

func (c *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.trips.Add(1)
	resp, err := c.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode == 401 {
		c.refused.Add(1)
	}
	return resp, err
}

func md5hex(s string) string    { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
func sha256hex(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// apacheDigest is a location that wants Digest. Shared memory is needed for
// AuthDigestNcCheck and for one-time nonces.
func apacheDigest(path, more string) string {
	return "<Location " + path + ">\nAuthType Digest\nAuthName \"private area\"\nAuthDigestProvider file\n" +
		"AuthUserFile {{.Dir}}/htdocs/users.digest\nAuthDigestQop auth\n" + more + "\nRequire valid-user\n</Location>\n"
}

var passwords = "joe:private area:" + md5hex("joe:private area:password") + "\n"

func apache(t *testing.T, conf string) *servers.Server {
	t.Helper()
	s := servers.Apache(t, "AuthDigestShmemSize 1M\n"+conf)
	servers.Write(t, s.Dir, "htdocs/users.digest", passwords)
	// The password is "password".
	servers.Write(t, s.Dir, "htdocs/users.basic", "joe:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
	for _, dir := range []string{"nc", "once", "short", "basic", "plain", "jane"} {
		servers.Write(t, s.Dir, "htdocs/"+dir+"/file", "content of "+dir)
	}
	return s
}

func TestApache(t *testing.T) {
	t.Parallel()
	s := apache(t, apacheDigest("/plain", "")+
		apacheDigest("/nc", "AuthDigestNcCheck On")+
		apacheDigest("/once", "AuthDigestNonceLifetime 0")+
		apacheDigest("/short", "AuthDigestNonceLifetime 1")+
		apacheDigest("/jane", "")+"<Location /jane>\nRequire user jane\n</Location>\n"+
		"<Location /basic>\nAuthType Basic\nAuthName basic\nAuthUserFile {{.Dir}}/htdocs/users.basic\nRequire valid-user\n</Location>\n")

	t.Run("Digest, with rspauth", func(t *testing.T) {
		rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
		for range 5 {
			if status, body, err := get(t, rt, s.URL+"/plain/file?a=b%20c&d=é"); status != 200 || body != "content of plain" || err != nil {
				t.Fatal(status, body, err)
			}
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "wrong")}
		if status, _, err := get(t, rt, s.URL+"/plain/file"); status != 401 || err != nil {
			t.Fatal(status, err)
		}
		if n := base.trips.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
	t.Run("Basic", func(t *testing.T) {
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		for range 3 {
			if status, body, err := get(t, rt, s.URL+"/basic/file"); status != 200 || body != "content of basic" || err != nil {
				t.Fatal(status, body, err)
			}
		}
		if n := base.trips.Load(); n != 4 {
			t.Errorf("%d round trips for 3 requests, want 4", n)
		}
	})
	t.Run("short-lived nonces", func(t *testing.T) {
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		for i := range 2 {
			if i > 0 {
				// What Apache counts is idle time: a nonce that is used is followed by
				// a nextnonce. More time than a second does no harm.
				<-time.After(1050 * time.Millisecond)
			}
			if status, _, err := get(t, rt, s.URL+"/short/file"); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if trips, refused := base.trips.Load(), base.refused.Load(); trips != 4 || refused != 2 {
			t.Errorf("%d round trips, %d refused, want 4 and 2: one challenge and one stale nonce", trips, refused)
		}
	})
	t.Run("one-time nonces", func(t *testing.T) {
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		for range 5 {
			if status, _, err := get(t, rt, s.URL+"/once/file"); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if n := base.trips.Load(); n != 6 {
			t.Errorf("%d round trips for 5 requests, want 6: nextnonce", n)
		}
	})
	t.Run("right, and not allowed", func(t *testing.T) {
		// Apache says 401 to a user that it knows and does not let in.
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		if status, _, err := get(t, rt, s.URL+"/plain/file"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		for i := range 3 {
			before := base.trips.Load()
			if status, _, err := get(t, rt, s.URL+"/jane/file"); status != 401 || err != nil {
				t.Fatal(status, err)
			}
			if n := base.trips.Load() - before; n > 3 {
				t.Errorf("try %d: %d requests, want 3 at most: from memory, to the challenge, and once on trust", i, n)
			}
		}
		before := base.trips.Load()
		if status, _, err := get(t, rt, s.URL+"/plain/file"); status != 200 || err != nil || base.trips.Load()-before > 2 {
			t.Errorf("%d %v after %d requests", status, err, base.trips.Load()-before)
		}
	})
	t.Run("a stream at first contact", func(t *testing.T) {
		tr := newBase(t)
		tr.ExpectContinueTimeout = time.Minute
		base := &counted{RoundTripper: tr}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		body := &countingReader{r: io.LimitReader(zeros{}, 1<<20)}
		status, _, err := do(t, rt, "POST", s.URL+"/plain/file", body)
		if status == 401 || err != nil || base.trips.Load() != 2 {
			t.Errorf("%d %v after %d requests, want an answer to the body after 2", status, err, base.trips.Load())
		}
		if n := body.n.Load(); n != 1<<20 {
			t.Errorf("%d bytes were sent, want all of them, once", n)
		}
	})
	t.Run("AuthDigestNcCheck, 300 in parallel", func(t *testing.T) {
		const workers = 16
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		var good atomic.Int32
		var left atomic.Int32
		left.Store(300)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					status, _, err := get(t, rt, s.URL+"/nc/file")
					if status != 200 || err != nil {
						t.Errorf("%d %v", status, err)
						continue
					}
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 300 {
			t.Errorf("%d of 300 succeeded", good.Load())
		}
		if refused := base.refused.Load(); refused > 2*workers {
			t.Errorf("%d challenges for %d workers", refused, workers)
		}
	})
}

type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func TestLighttpd(t *testing.T) {
	t.Parallel()
	conf := `server.modules = ("mod_auth", "mod_authn_file")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{{.Dir}}/htdocs/users.digest"
auth.require = (
 "/sha256/" => ("method" => "digest", "algorithm" => "SHA-256", "realm" => "download archiv", "require" => "valid-user"),
 "/two/" => ("method" => "digest", "algorithm" => "SHA-256|MD5", "realm" => "download archiv", "require" => "valid-user"),
 "/hashed/" => ("method" => "digest", "algorithm" => "SHA-256", "userhash" => "enable", "realm" => "download archiv", "require" => "valid-user"),
 "/basic/" => ("method" => "basic", "realm" => "download archiv", "require" => "valid-user"),
)
`
	s := servers.Lighttpd(t, conf)
	const realm = "download archiv"
	var file strings.Builder
	for _, user := range []string{"joe", "Jäsøn"} {
		line := user + ":" + realm
		fmt.Fprintf(&file, "%s:%s:%s\n", line, sha256hex(line+":password"), sha256hex(line))
		fmt.Fprintf(&file, "%s:%s:%s\n", line, md5hex(line+":password"), md5hex(line))
	}
	servers.Write(t, s.Dir, "htdocs/users.digest", file.String())
	for _, dir := range []string{"sha256", "two", "hashed", "basic"} {
		servers.Write(t, s.Dir, "htdocs/"+dir+"/file", "content of "+dir)
	}
	for _, user := range []string{"joe", "Jäsøn"} {
		for _, dir := range []string{"sha256", "two", "hashed", "basic"} {
			base := &counted{RoundTripper: newBase(t)}
			rt := &auth.Transport{Base: base, Credentials: keys(user, "password")}
			for range 3 {
				if status, body, err := get(t, rt, s.URL+"/"+dir+"/file"); status != 200 || body != "content of "+dir || err != nil {
					t.Errorf("%s of %s: %d %v", dir, user, status, err)
				}
			}
			if n := base.trips.Load(); n != 4 {
				t.Errorf("%s of %s: %d round trips for 3 requests, want 4", dir, user, n)
			}
		}
	}
}

func TestNginx(t *testing.T) {
	t.Parallel()
	s := servers.Nginx(t, `server {
	listen 127.0.0.1:{{.Port}};
	location / { auth_basic "nginx"; auth_basic_user_file {{.Dir}}/htdocs/users; }
}`)
	servers.Write(t, s.Dir, "htdocs/users", "joe:{PLAIN}password\n")
	servers.Write(t, s.Dir, "htdocs/file", "content")
	for password, want := range map[string]int{"password": 200, "wrong": 401} {
		base := &counted{RoundTripper: newBase(t)}
		rt := &auth.Transport{Base: base, Credentials: keys("joe", password)}
		if status, _, err := get(t, rt, s.URL+"/file"); status != want || err != nil {
			t.Errorf("%d %v, want %d", status, err, want)
		}
		if n := base.trips.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	}
}
