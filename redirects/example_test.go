package redirects_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"golang.org/x/net/publicsuffix"

	"github.com/tripper-go/tripper/redirects"
)

// leave tells http.Client to leave redirects to its Transport.
func leave(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			http.Redirect(w, r, "/home", http.StatusSeeOther)
		case "/home":
			_, err := r.Cookie("session")
			fmt.Fprintln(w, r.Method, "with cookie:", err == nil)
		default:
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}
	}))
}

// Redirects are followed by the Transport, with cookies on every hop.
func Example() {
	server := newServer()
	defer server.Close()

	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{
		Transport:     &redirects.Transport{Jar: jar},
		CheckRedirect: leave,
	}
	resp, err := client.Post(server.URL+"/login", "text/plain", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for _, hop := range redirects.History(resp) {
		fmt.Println(hop.Request.Method, hop.Request.URL.Path, hop.StatusCode)
	}
	fmt.Println(resp.Request.Method, resp.Request.URL.Path, resp.StatusCode)
	// Output:
	// POST /login 303
	// GET /home 200
}

// Policies compose: leave the origin at most once, and never https.
func ExampleTransport_policy() {
	server := newServer()
	defer server.Close()

	client := &http.Client{
		Transport: &redirects.Transport{
			Policy: redirects.And(redirects.NoDowngrade, redirects.Or(redirects.Limit(1), redirects.SameOrigin)),
		},
		CheckRedirect: leave,
	}
	resp, err := client.Get(server.URL + "/login")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode, resp.Request.URL.Path)
	// Output:
	// 200 /home
}

// The error of too many redirects holds all of them.
func ExampleError() {
	server := newServer()
	defer server.Close()

	client := &http.Client{Transport: &redirects.Transport{Max: 3}, CheckRedirect: leave}
	_, err := client.Get(server.URL + "/")
	if e, ok := errors.AsType[*redirects.Error](err); ok {
		fmt.Println(errors.Is(err, redirects.ErrLimit), len(redirects.History(e.Response)), e.Response.Header.Get("Location"))
	}
	// Output:
	// true 3 /xxxx
}

// One request may follow fewer redirects than others.
func ExampleWithMax() {
	server := newServer()
	defer server.Close()

	client := &http.Client{Transport: &redirects.Transport{}, CheckRedirect: leave}
	req, err := http.NewRequest(http.MethodGet, server.URL+"/login", nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req.WithContext(redirects.WithMax(req.Context(), -1)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
	// Output:
	// 303
}

// A redirect to an app, as OAuth sends one, is an error that holds where it leads.
func ExampleError_scheme() {
	server := httptest.NewServer(http.RedirectHandler("com.example.app:/callback?code=1", http.StatusFound))
	defer server.Close()

	client := &http.Client{Transport: &redirects.Transport{}, CheckRedirect: leave}
	_, err := client.Get(server.URL)
	if e, ok := errors.AsType[*redirects.Error](err); ok && errors.Is(err, redirects.ErrScheme) {
		fmt.Println(e.Response.Header.Get("Location"))
	}
	// Output:
	// com.example.app:/callback?code=1
}
