package transport

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestNewConnection: RFC 9110 §15.5.20: what was answered 421 goes over another
// connection, also while an HTTP/2 connection to the same server is in use; and that
// connection is closed behind it.
func TestNewConnection(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		release, closed := make(chan struct{}), make(chan struct{}, 4)
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("From", r.RemoteAddr)
			if r.URL.Path == "/held" {
				_ = http.NewResponseController(w).Flush()
				<-release
			}
		}))
		srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				closed <- struct{}{}
			}
		}
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		tr := closing(t, &Transport{InsecureSkipVerify: true})
		held, err := tr.RoundTrip(rttest.NewRequest(t, "GET", srv.URL+"/held", nil))
		if err != nil {
			t.Fatal(err)
		}
		req := rttest.NewRequest(t, "POST", srv.URL, nil)
		resp, err := tr.RoundTrip(req.WithContext(roundtrip.WithNewConnection(req.Context())))
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
		if resp.Header.Get("From") == held.Header.Get("From") || resp.ProtoMajor != held.ProtoMajor {
			t.Errorf("HTTP/2 %v: both over %s, by %s and %s", http2, resp.Header.Get("From"), resp.Proto, held.Proto)
		}
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Errorf("HTTP/2 %v: the connection stays", http2)
		}
		close(release)
		read(t, held)
		srv.Close()
	}
}
