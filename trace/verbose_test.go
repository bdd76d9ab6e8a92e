package trace

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// Verbose prints what curl -v prints, without its leaks.
func TestVerbose(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "now")
		w.Header().Set("Set-Cookie", "session=c00kie")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello")
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	var out bytes.Buffer
	client := srv.Client()
	client.Transport = (&Log{Logger: slog.New(slog.DiscardHandler), Verbose: &out}).Wrap(new(Wire).Wrap(client.Transport))
	for _, url := range []string{srv.URL + "/a%2Fb?token=s3cr3t", srv.URL, "https://127.0.0.1:1/"} {
		req := rttest.NewRequest(t, "GET", url, nil)
		req.Header.Set("Authorization", "Bearer t0p")
		req.Header.Set("Accept", "text/plain")
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	got := strings.ReplaceAll(out.String(), srv.Listener.Addr().String(), "ADDR")
	got = regexp.MustCompile(`[0-9.]+(µs|ms|s)\b`).ReplaceAllString(got, "TIME")
	first := ""
	if _, err := fmt.Sscanf(got, "* call %s", &first); err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	got = regexp.MustCompile(`call \d+`).ReplaceAllString(got, "call N")
	want := `* call N: new connection to ADDR, TLS 1.3, ALPN h2
> GET /a%2Fb?[hidden] HTTP/2.0
> Accept: text/plain
> Accept-Encoding: gzip
> Authorization: Bearer [hidden]
> User-Agent: Go-http-client/2.0
> 
< HTTP/2.0 200 OK
< Content-Length: 5
< Content-Type: text/plain
< Date: now
< Set-Cookie: [hidden]
< 
* call N: body of 5 bytes complete, after TIME
* call N: connection to ADDR, there since before, TLS 1.3, ALPN h2
> GET / HTTP/2.0
> Accept: text/plain
> Accept-Encoding: gzip
> Authorization: Bearer [hidden]
> User-Agent: Go-http-client/2.0
> 
< HTTP/2.0 200 OK
< Content-Length: 5
< Content-Type: text/plain
< Date: now
< Set-Cookie: [hidden]
< 
* call N: body of 5 bytes complete, after TIME
* call N: no connection
> GET / HTTP/1.1
> Accept: text/plain
> Authorization: Bearer [hidden]
> 
* call N: fail after TIME: dial tcp 127.0.0.1:1: connect: connection refused
`
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}
