package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// badInput is what no server should send.
func badInput() map[string]string {
	return map[string]string{
		"blanks":               strings.Repeat(" ", 64<<10),
		"blanks in it":         `Digest` + strings.Repeat(" ", 64<<10) + `realm`,
		"NBSP":                 "Digest realm=\"r\"" + strings.Repeat("\u00a0", 32<<10) + ",nonce=x",
		"commas":               strings.Repeat(",", 64<<10),
		"open quote":           `Digest realm="r", nonce="` + strings.Repeat("x", 64<<10),
		"open quotes":          strings.Repeat(`Digest realm="`, 5<<10),
		"backslashes":          `Digest realm="` + strings.Repeat(`\`, 64<<10),
		"doubled parameters":   `Digest realm="r", nonce="a", nonce="b", qop="auth"`,
		"doubled realm":        `Digest realm="r", realm="s", nonce="a", qop="auth"`,
		"no nonce":             `Digest realm="r", qop="auth"`,
		"empty nonce":          `Digest realm="r", nonce="", qop="auth"`,
		"no realm":             `Digest nonce="n", qop="auth"`,
		"unknown algorithm":    `Digest realm="r", nonce="n", qop="auth", algorithm=SHA-1`,
		"unknown qop":          `Digest realm="r", nonce="n", qop="auth-conf"`,
		"nonce of a megabyte":  `Digest realm="r", qop="auth", nonce="` + strings.Repeat("n", 1<<20) + `"`,
		"opaque of a megabyte": `Digest realm="r", qop="auth", nonce="n", opaque="` + strings.Repeat("n", 1<<20) + `"`,
		"-sess without qop":    `Digest realm="r", nonce="n", algorithm=MD5-sess`,
		"bare Digest":          `Digest`,
		"bare WSSE":            `WSSE`,
		"Negotiate":            `Negotiate`,
		"NTLM":                 `NTLM TlRMTVNTUAACAAAA==`,
		"OAuth":                `OAuth "Facebook Platform" "invalid_token" "Invalid OAuth access token."`,
		"many schemes":         strings.Repeat("Negotiate, ", 5<<10),
		"WSSE of another kind": `WSSE realm="r", profile="Other"`,
		"nothing":              "",
	}
}

// TestBadInput: the 401 as it came, unread.
func TestBadInput(t *testing.T) {
	for name, line := range badInput() {
		t.Run(name, func(t *testing.T) {
			script := rttest.NewScript(t, rttest.Func(func(req *http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: 401, Header: http.Header{"Www-Authenticate": {line}}, Body: unread{t}, Request: req,
				}, nil
			}))
			rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil || resp.StatusCode != 401 {
				t.Fatal(resp, err)
			}
			_ = resp.Body.Close()
		})
	}
}

// TestBadInputIsLinear: twice the text costs twice the allocations at most, and
// few of them for its length.
func TestBadInputIsLinear(t *testing.T) {
	for name, line := range badInput() {
		if len(line) < 1<<10 {
			continue
		}
		allocations := func(line string) float64 {
			rt := &auth.Transport{Base: answering{line}, Credentials: keys("joe", "password")}
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(3, func() {
				if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 401 {
					t.Fatal(resp, err)
				}
			})
		}
		half, whole := allocations(line[:len(line)/2]), allocations(line)
		if whole > 2*half+50 || whole > float64(50+len(line)/8) {
			t.Errorf("%s: %v allocations for %d bytes, %v for half of them", name, whole, len(line), half)
		}
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}
func (unread) Close() error { return nil }
