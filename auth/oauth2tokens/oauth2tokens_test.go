package oauth2tokens_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/oauth2tokens"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

const secret = "hunter2"

// A house has a token endpoint and an API that takes its tokens.
type house struct {
	*httptest.Server
	issued, asked atomic.Int32

	mu      sync.Mutex
	access  map[string]string // valid tokens with their client
	refresh string            // the refresh token that is good, and good once
	life    int
	kind    string
	status  int
	answer  string // of the token endpoint with that status
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{access: map[string]string{}, refresh: "r0", life: 300, kind: "Bearer"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", h.token)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		h.mu.Lock()
		owner, ok := h.access[token]
		h.mu.Unlock()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, owner)
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func (h *house) token(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	id, password, _ := r.BasicAuth()
	refreshed := r.FormValue("refresh_token")
	switch {
	case h.status != 0:
		w.WriteHeader(h.status)
		fmt.Fprint(w, h.answer)
		return
	case password != secret, r.FormValue("grant_type") == "refresh_token" && refreshed != h.refresh:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"%s %s"}`, password, refreshed)
		return
	}
	n := h.issued.Add(1)
	token := fmt.Sprintf("t%d", n)
	h.access[token] = id + " " + r.FormValue("scope")
	if refreshed == "" {
		fmt.Fprintf(w, `{"access_token":%q,"token_type":%q,"expires_in":%d}`, token, h.kind, h.life)
		return
	}
	h.refresh = fmt.Sprintf("r%d", n)
	fmt.Fprintf(w, `{"access_token":%q,"token_type":%q,"expires_in":%d,"refresh_token":%q}`, token, h.kind, h.life, h.refresh)
}

func (h *house) revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.access)
}

func (h *house) client(id string) *clientcredentials.Config {
	return &clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: h.URL + "/token?x=" + secret, Scopes: []string{"read"}, AuthStyle: oauth2.AuthStyleInHeader}
}

func (h *house) config() *oauth2.Config {
	return &oauth2.Config{ClientID: "app", ClientSecret: secret, Endpoint: oauth2.Endpoint{TokenURL: h.URL + "/token", AuthStyle: oauth2.AuthStyleInHeader}}
}

func layer(c auth.Credential) *auth.Transport {
	return &auth.Transport{Credentials: c, Preemptive: true}
}

func get(t *testing.T, rt http.RoundTripper, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(b)), err
}

func (h *house) expect(t *testing.T, issued int32, why string) {
	t.Helper()
	if n := h.issued.Load(); n != issued {
		t.Errorf("%d tokens were issued, want %d: %s", n, issued, why)
	}
}

// TestOneForMany counts at the server.
func TestOneForMany(t *testing.T) {
	for name, make := range map[string]func(h *house) auth.Credential{
		"client credentials": func(h *house) auth.Credential { return oauth2tokens.ClientCredentials(h.client("app"), nil) },
		"refresh": func(h *house) auth.Credential {
			return oauth2tokens.Refresh(h.config(), &oauth2.Token{RefreshToken: "r0"}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			rt := layer(make(h))
			for n := range int32(3) {
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						if got, err := get(t, rt, fmt.Sprintf("%s/api/%d", h.URL, i)); !strings.HasPrefix(got, "200 app") || err != nil {
							t.Errorf("%q, %v", got, err)
						}
					})
				}
				wg.Wait()
				h.expect(t, n+1, "one token for all requests at the same time, and one more when it is refused")
				h.revoke()
			}
		})
	}
}

// TestExpired: a token that has come to its end is not sent.
func TestExpired(t *testing.T) {
	h := newHouse(t)
	first := &oauth2.Token{AccessToken: "t0", RefreshToken: "r0", Expiry: time.Now().Add(time.Hour)}
	h.access["t0"] = "app"
	rt := layer(oauth2tokens.Refresh(h.config(), first, nil))
	if got, err := get(t, rt, h.URL+"/api/"); got != "200 app" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	h.expect(t, 0, "the first token is good")

	h.asked.Store(0)
	first.Expiry = time.Now().Add(-time.Second)
	rt = layer(oauth2tokens.Refresh(h.config(), first, nil))
	if got, err := get(t, rt, h.URL+"/api/"); !strings.HasPrefix(got, "200") || err != nil || h.asked.Load() != 1 {
		t.Errorf("%q, %v, %d requests", got, err, h.asked.Load())
	}
	h.expect(t, 1, "the first token has expired")

	rt = layer(oauth2tokens.Refresh(h.config(), &oauth2.Token{AccessToken: "t0", Expiry: time.Now().Add(-time.Second)}, nil))
	if _, err := get(t, rt, h.URL+"/api/"); err == nil || !roundtrip.Permanent(err) {
		t.Errorf("nothing to refresh with: %v", err)
	}
}

// TestRotation: each refresh token is good once, and the program hears of each.
func TestRotation(t *testing.T) {
	h := newHouse(t)
	var heard []string
	options := &oauth2tokens.Options{Username: "joe", Renewed: func(t *oauth2.Token) { heard = append(heard, t.RefreshToken) }}
	rt := layer(oauth2tokens.Refresh(h.config(), &oauth2.Token{RefreshToken: "r0"}, options))
	for range 3 {
		if got, err := get(t, rt, h.URL+"/api/"); !strings.HasPrefix(got, "200") || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		h.revoke()
	}
	if got := strings.Join(heard, " "); got != "r1 r2 r3" {
		t.Errorf("heard of %q", got)
	}
}

// TestCancelledRefresh: a request that is given up does not lose the new refresh token.
func TestCancelledRefresh(t *testing.T) {
	h := newHouse(t)
	arrived, answered := make(chan struct{}), make(chan struct{})
	client := &http.Client{Transport: rttest.Func(func(req *http.Request) (*http.Response, error) {
		close(arrived)
		<-answered
		return http.DefaultTransport.RoundTrip(req)
	})}
	renewed := make(chan string, 1)
	c := oauth2tokens.Refresh(h.config(), &oauth2.Token{RefreshToken: "r0"}, &oauth2tokens.Options{
		Client: client, Renewed: func(t *oauth2.Token) { renewed <- t.RefreshToken },
	})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.TokenFunc(ctx, "")
		gone <- err
	}()
	<-arrived
	cancel()
	if err := <-gone; err != context.Canceled {
		t.Errorf("error %v", err)
	}
	close(answered)
	if got := <-renewed; got != "r1" {
		t.Errorf("refresh token %q", got)
	}
	if token, err := c.TokenFunc(t.Context(), ""); token != "t1" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
}

// TestCache: a cache above keeps the responses of each client, whatever token is sent.
func TestCache(t *testing.T) {
	h := newHouse(t)
	cache := &caching.Transport{}
	defer cache.Close()
	other := h.client("two")
	other.Scopes = []string{"read", "write"}
	for range 3 {
		for id, config := range map[string]*clientcredentials.Config{"one read": h.client("one"), "two read": h.client("two"), "two read write": other} {
			rt := tripper.Chain{cache}.Wrap(layer(oauth2tokens.ClientCredentials(config, nil)))
			if got, err := get(t, rt, h.URL+"/api/"); got != "200 "+id || err != nil {
				t.Errorf("%q, %v, want %q", got, err, id)
			}
		}
		h.revoke()
	}
	h.expect(t, 3, "the hits of new clients with the same configuration need no token")
	if n := h.asked.Load(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestErrors: no secret is told.
func TestErrors(t *testing.T) {
	h := newHouse(t)
	for _, row := range []struct {
		status    int
		answer    string
		want      string
		permanent bool
	}{
		{400, `{"error":"invalid_client","error_description":"` + secret + `"}`, `status 400, "invalid_client"`, true},
		{401, secret, "status 401", true},
		{503, secret, "status 503", false},
		{429, "", "status 429", false},
		{200, `{"error":"bad_refresh_token"}`, `"bad_refresh_token"`, true},
		{200, `{}`, "", false},
		{200, secret, "", false},
	} {
		h.status, h.answer = row.status, row.answer
		_, err := get(t, layer(oauth2tokens.ClientCredentials(h.client("app"), nil)), h.URL+"/api/")
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), secret) || roundtrip.Permanent(err) != row.permanent {
			t.Errorf("%d %s: %v", row.status, row.answer, err)
		}
	}
	h.status, h.kind = 0, "MAC"
	if _, err := get(t, layer(oauth2tokens.ClientCredentials(h.client("app"), nil)), h.URL+"/api/"); err == nil || !roundtrip.Permanent(err) {
		t.Errorf("a token of another type: %v", err)
	}
	down := errors.New("down")
	options := &oauth2tokens.Options{Client: &http.Client{Transport: rttest.Fail(down)}}
	_, err := get(t, layer(oauth2tokens.ClientCredentials(h.client("app"), options)), h.URL+"/api/")
	var e *oauth2tokens.Error
	if !errors.Is(err, down) || !errors.As(err, &e) || e.Origin != h.URL || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
	wrong := h.client("app")
	wrong.ClientSecret = "wrong"
	var re *oauth2.RetrieveError
	if _, err := get(t, layer(oauth2tokens.ClientCredentials(wrong, nil)), h.URL+"/api/"); !errors.As(err, &re) || re.ErrorCode != "invalid_grant" {
		t.Errorf("error %v", err)
	}
	c := oauth2tokens.ClientCredentials(h.client("app"), nil)
	r := oauth2tokens.Refresh(h.config(), &oauth2.Token{RefreshToken: secret, AccessToken: secret}, nil)
	rttest.Prints(t, secret, map[string][]any{
		"credentials": {c, &c, r, layer(r)},
		"Options":     {oauth2tokens.Options{Username: "joe"}},
		"Error":       {err, e},
	})
}

func Example() {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"token","token_type":"Bearer","expires_in":300}`)
	}))
	defer tokens.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
	defer api.Close()

	credential := oauth2tokens.ClientCredentials(&clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: tokens.URL}, nil)
	credential.Domain = "127.0.0.1"
	client := &http.Client{Transport: &auth.Transport{Credentials: credential, Preemptive: true}}
	resp, err := client.Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: Bearer token <nil>
}
