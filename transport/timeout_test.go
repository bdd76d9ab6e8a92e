package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// wantTimeout checks that err is a timeout of the phase, also for callers behind
// http.Client.
func wantTimeout(t *testing.T, err error, phase string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Phase != phase {
		t.Errorf("error %v, want one of phase %q", err, phase)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v is no timeout", err)
	}
	if !(&url.Error{Op: "Get", Err: err}).Timeout() {
		t.Errorf("error %v is no timeout for url.Error", err)
	}
	if errors.Is(err, context.Canceled) {
		t.Errorf("error %v says that the caller has cancelled", err)
	}
}

const short = 20 * time.Millisecond

// TestPhases: each phase has its limit and names itself.
func TestPhases(t *testing.T) {
	t.Parallel()
	stall := tcp(t, silent)
	// A listener nobody accepts from connects all the same: a dialer that waits
	// stands for a network that swallows packets.
	black := func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	for _, row := range []struct {
		name   string
		tr     *Transport
		target string
		phase  string
	}{
		{"connect", &Transport{Proxy: Direct, ConnectTimeout: short, Tune: black}, "http://server.test", PhaseConnect},
		{"connect to a proxy", &Transport{Proxy: fixed("http://proxy.test"), ConnectTimeout: short, Tune: black}, "http://server.test", PhaseProxy},
		{"CONNECT", &Transport{Proxy: fixed("http://" + stall), ConnectTimeout: short}, "https://server.test", PhaseProxy},
		{"SOCKS5", &Transport{Proxy: fixed("socks5://" + stall), ConnectTimeout: short}, "http://server.test", PhaseProxy},
		{"SOCKS4", &Transport{Proxy: fixed("socks4a://" + stall), ConnectTimeout: short}, "http://server.test", PhaseProxy},
		{"TLS", &Transport{Proxy: Direct, TLSTimeout: short}, "https://" + stall, PhaseTLS},
		{"TLS with a proxy", &Transport{Proxy: fixed("https://" + stall), TLSTimeout: short}, "http://server.test", PhaseProxy},
		{"header", &Transport{Proxy: Direct, HeaderTimeout: short}, "http://" + stall, PhaseHeader},
		{"header from a proxy", &Transport{Proxy: fixed("http://" + stall), HeaderTimeout: short}, "http://server.test", PhaseHeader},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := fail(t, closing(t, row.tr), rttest.NewRequest(t, "GET", row.target, nil))
			wantTimeout(t, err, row.phase)
			if !strings.HasPrefix(err.Error(), "transport: "+row.phase) {
				t.Errorf("error %q", err)
			}
		})
	}
}

// TestHeaderTimeoutHTTP2 is the same over HTTP/2, where the connection stays.
func TestHeaderTimeoutHTTP2(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	release := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		io.WriteString(w, r.Proto+r.URL.Path)
	}))
	s.TLS = tlsConfigFor(ca)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	tr := closing(t, &Transport{Proxy: Direct, RootCAs: ca.Pool, HeaderTimeout: 500 * time.Millisecond})
	wantTimeout(t, fail(t, tr, rttest.NewRequest(t, "GET", s.URL+"/slow", nil)), PhaseHeader)
	if _, body := get(t, tr, s.URL+"/fast"); body != "HTTP/2.0/fast" {
		t.Errorf("answer %q", body)
	}
}

// TestCallersDeadline stays the caller's.
func TestCallersDeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	tr := closing(t, &Transport{Proxy: Direct, HeaderTimeout: time.Hour, IdleTimeout: time.Hour})
	err := fail(t, tr, rttest.NewRequest(t, "GET", "http://"+tcp(t, silent), nil).WithContext(ctx))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
}

// TestLateBytes: what comes after a timeout is for nobody.
func TestLateBytes(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	late := make(chan struct{})
	addr := tcp(t, func(conn net.Conn) {
		n := conns.Add(1)
		r := bufio.NewReader(conn)
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			if n == 1 {
				<-late // the first answer comes when nobody waits any more
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
				continue
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")
		}
	})
	tr := closing(t, &Transport{Proxy: Direct, HeaderTimeout: 500 * time.Millisecond})
	wantTimeout(t, fail(t, tr, rttest.NewRequest(t, "GET", "http://"+addr, nil)), PhaseHeader)
	close(late)
	for range 3 {
		if _, body := get(t, tr, "http://"+addr); body != "right" {
			t.Errorf("answer %q, want right", body)
		}
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2: the one that timed out is gone", n)
	}
}

// idleServers serve over HTTP/1.1 and HTTP/2.
func idleServers(t *testing.T, h http.HandlerFunc) map[string]*httptest.Server {
	t.Helper()
	all := map[string]*httptest.Server{}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = proto == "HTTP/2.0"
		s.Config.ErrorLog = discardLog
		s.StartTLS()
		t.Cleanup(s.Close)
		all[proto] = s
	}
	return all
}

// TestIdleRead: a body that drips goes on, one that is silent ends.
func TestIdleRead(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	for proto, s := range idleServers(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/drip":
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range 14 { // longer in all than the limit
				io.WriteString(w, "drop ")
				_ = rc.Flush()
				<-tick.C
			}
		case "/stall":
			io.WriteString(w, "one drop")
			_ = rc.Flush()
			<-r.Context().Done()
			gone <- struct{}{}
		default:
			io.WriteString(w, r.Proto)
		}
	}) {
		t.Run(proto, func(t *testing.T) {
			tr := closing(t, &Transport{Proxy: Direct, InsecureSkipVerify: true, IdleTimeout: 500 * time.Millisecond})
			if _, body := get(t, tr, s.URL); body != proto {
				t.Fatalf("%q, want %q", body, proto)
			}
			if _, body := get(t, tr, s.URL+"/drip"); body != strings.Repeat("drop ", 14) {
				t.Errorf("dripping: %q", body)
			}
			for _, method := range []string{"GET", "POST"} {
				resp, err := tr.RoundTrip(rttest.NewRequest(t, method, s.URL+"/stall", strings.NewReader("x")))
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(resp.Body)
				wantTimeout(t, err, PhaseBody)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%v is not os.ErrDeadlineExceeded", err)
				}
				if string(b) != "one drop" {
					t.Errorf("read %q before the silence", b)
				}
				resp.Body.Close()
				<-gone // the server hears of it
			}
			if _, body := get(t, tr, s.URL); body != proto {
				t.Errorf("afterwards: %q", body)
			}
		})
	}
}

// TestIdleWhileNobodyReads: only the server's silence counts, not the caller's.
func TestIdleWhileNobodyReads(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	tr := closing(t, &Transport{Proxy: Direct, IdleTimeout: 200 * time.Millisecond})
	resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", s.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(400 * time.Millisecond)
	if _, body := read(t, resp); body != "hello" {
		t.Errorf("read %q", body)
	}
	// And a connection may be idle between requests for as long as it likes.
	<-time.After(400 * time.Millisecond)
	reused := false
	req := rttest.NewRequest(t, "GET", s.URL, nil)
	resp, err = tr.RoundTrip(req.WithContext(withReused(req.Context(), &reused)))
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	if !reused {
		t.Error("the connection was not reused")
	}
}

// TestIdleWrite: a server that does not take the request ends it.
func TestIdleWrite(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	all := idleServers(t, func(_ http.ResponseWriter, r *http.Request) {
		select { // reads nothing
		case <-stop:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(stop) })
	for proto, s := range all {
		t.Run(proto, func(t *testing.T) {
			tr := closing(t, &Transport{Proxy: Direct, InsecureSkipVerify: true, IdleTimeout: 200 * time.Millisecond})
			var closed atomic.Int32
			body := &closeCounter{Reader: io.LimitReader(zero{}, 1<<40), n: &closed}
			err := fail(t, tr, rttest.NewRequest(t, "POST", s.URL, body))
			wantTimeout(t, err, PhaseWrite)
		})
	}
}

// TestSlowUpload: a caller that is slow to produce its body is not the server's
// fault, nor is a server that takes it slowly.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	for proto, s := range idleServers(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != 3*5 {
			t.Errorf("read %d bytes, error %v", n, err)
		}
		io.WriteString(w, r.Proto)
	}) {
		t.Run(proto, func(t *testing.T) {
			tr := closing(t, &Transport{Proxy: Direct, InsecureSkipVerify: true, IdleTimeout: 250 * time.Millisecond})
			pr, pw := io.Pipe()
			go func() {
				for range 3 {
					<-time.After(400 * time.Millisecond)
					io.WriteString(pw, "bytes")
				}
				pw.Close()
			}()
			resp, err := tr.RoundTrip(rttest.NewRequest(t, "POST", s.URL, pr))
			if err != nil {
				t.Fatal(err)
			}
			if _, body := read(t, resp); body != proto {
				t.Errorf("%q", body)
			}
		})
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestWatchedConn writes to a peer that takes a little now and then.
func TestWatchedConn(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	conn := &watchedConn{Conn: ours, limit: 200 * time.Millisecond}
	read := make(chan int)
	go func() {
		total := 0
		buf := make([]byte, 10)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for total < 100 { // half a second in all
			<-tick.C
			n, err := theirs.Read(buf)
			if err != nil {
				break
			}
			total += n
		}
		read <- total
	}()
	if n, err := conn.Write(make([]byte, 100)); n != 100 || err != nil {
		t.Errorf("wrote %d, error %v", n, err)
	}
	if n := <-read; n != 100 {
		t.Errorf("read %d", n)
	}
	n, err := conn.Write(make([]byte, 10)) // nobody reads any more
	if n != 0 {
		t.Errorf("wrote %d bytes to nobody", n)
	}
	wantTimeout(t, err, PhaseWrite)
	theirs.Close()
	if _, err := conn.Write([]byte("x")); err == nil || roundtrip.TimedOut(err) {
		t.Errorf("writing to a closed pipe: %v", err)
	}
}
