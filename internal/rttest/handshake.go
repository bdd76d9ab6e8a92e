package rttest

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// UserField is the request field in which a test says for which user a request is. A
// [HandshakeServer] counts the requests that came over the connection of another one.
const UserField = "X-Test-User"

// A HandshakeServer is a server, or a proxy for CONNECT and for http URLs, that authenticates
// connections as NTLM does: by tokens in several requests, after which requests over the
// connection need no credentials.
type HandshakeServer struct {
	// Scheme is the name in the challenge, such as "NTLM".
	Scheme string
	// Answer returns what follows the token of a client: the next challenge if user is
	// empty, or the last token, which may be nil. If ok is false the client is refused.
	// State is for Answer alone; it is nil for each new connection and after a refusal.
	Answer func(state *any, token []byte) (reply []byte, user string, ok bool)
	// EachRequest makes every request need a handshake of its own.
	EachRequest bool
	// Close is how often the connection is closed after a challenge with a token. If
	// Silently is true the response does not say so.
	Close    int
	Silently bool
	// Proxy makes it a proxy.
	Proxy bool
	// Others are further challenges.
	Others []string

	mu sync.Mutex // guards the rest
	HandshakeCounts
}

// HandshakeCounts counts what a [HandshakeServer] has seen.
type HandshakeCounts struct {
	Connections int
	// Handshakes counts the first tokens, Refused the handshakes that failed.
	Handshakes, Refused int
	// Served counts requests by the user of their connection.
	Served map[string]int
	// Crossed counts those whose UserField names another user, and Anonymous those
	// without credentials over a connection without a user.
	Crossed, Anonymous int
	// Bodies are the sizes of the bodies of requests that were served.
	Bodies int64
}

// Counts returns what was counted.
func (s *HandshakeServer) Counts() HandshakeCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.HandshakeCounts
}

// A handshakeConn is a connection of a HandshakeServer.
type handshakeConn struct {
	state any
	user  string
	begun bool // a token has come, and the handshake is not over
}

type handshakeKey struct{}

// Start starts the server, which ends with the test.
func (s *HandshakeServer) Start(t testing.TB) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.Connections++
		return context.WithValue(ctx, handshakeKey{}, new(handshakeConn))
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// ServeHTTP implements [http.Handler].
func (s *HandshakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(handshakeKey{}).(*handshakeConn)
	field := "Authorization"
	if s.Proxy {
		field = "Proxy-Authorization"
	}
	value := r.Header.Get(field)
	if value == "" && c.user != "" && !s.EachRequest {
		s.serve(w, r, c)
		return
	}
	if value == "" {
		s.count(func() { s.Anonymous++ })
		s.challenge(w, nil)
		return
	}
	token, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, s.Scheme+" "))
	if err != nil {
		http.Error(w, "not base64", http.StatusBadRequest)
		return
	}
	if c.user = ""; !c.begun {
		c.begun = true
		s.count(func() { s.Handshakes++ })
	}
	reply, user, ok := s.Answer(&c.state, token)
	switch {
	case !ok:
		c.state, c.begun = nil, false
		s.count(func() { s.Refused++ })
		s.challenge(w, nil)
	case user == "":
		s.challenge(w, reply)
	default:
		c.user, c.begun, c.state = user, false, nil
		if reply != nil {
			w.Header().Set(s.challengeField(), s.Scheme+" "+base64.StdEncoding.EncodeToString(reply))
		}
		s.serve(w, r, c)
	}
}

func (s *HandshakeServer) count(add func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add()
}

func (s *HandshakeServer) challengeField() string {
	if s.Proxy {
		return "Proxy-Authenticate"
	}
	return "WWW-Authenticate"
}

// challenge sends a challenge, with token unless it is nil.
func (s *HandshakeServer) challenge(w http.ResponseWriter, token []byte) {
	status, value := http.StatusUnauthorized, s.Scheme
	if s.Proxy {
		status = http.StatusProxyAuthRequired
	}
	closes := false
	if token != nil {
		value += " " + base64.StdEncoding.EncodeToString(token)
		s.count(func() {
			if closes = s.Close > 0; closes {
				s.Close--
			}
		})
	}
	if closes && s.Silently {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			fmt.Fprintf(conn, "HTTP/1.1 %d x\r\n%s: %s\r\nContent-Length: 0\r\n\r\n", status, s.challengeField(), value)
			conn.Close()
		}
		return
	}
	if closes {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set(s.challengeField(), value)
	for _, other := range s.Others {
		if token == nil {
			w.Header().Add(s.challengeField(), other)
		}
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, "who are you?")
}

// serve answers a request, or sends it on.
func (s *HandshakeServer) serve(w http.ResponseWriter, r *http.Request, c *handshakeConn) {
	want := r.Header.Get(UserField)
	s.count(func() {
		if s.Served == nil {
			s.Served = map[string]int{}
		}
		s.Served[c.user]++
		if want != "" && want != c.user {
			s.Crossed++
		}
	})
	if s.Proxy {
		s.forward(w, r)
		return
	}
	n, _ := io.Copy(io.Discard, r.Body)
	s.count(func() { s.Bodies += n })
	w.Header().Set("Cache-Control", "max-age=60")
	fmt.Fprintf(w, "hello %s", c.user)
}

// forward sends a request on, or opens a tunnel.
func (s *HandshakeServer) forward(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		out := r.Clone(r.Context())
		out.RequestURI = ""
		out.Header.Del("Proxy-Authorization")
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		there.Close()
		return
	}
	fmt.Fprint(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		defer here.Close()
		_, _ = io.Copy(here, there)
	}()
	go func() {
		defer there.Close()
		_, _ = io.Copy(there, here)
	}()
}
