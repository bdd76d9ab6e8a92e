package transport_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/tripper-go/tripper/transport"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.RawQuery)
	}))
	defer server.Close()

	client := &http.Client{Transport: &transport.Transport{
		ConnectTimeout: 5 * time.Second,
		HeaderTimeout:  10 * time.Second,
		IdleTimeout:    30 * time.Second,
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(server.URL + "/search?q=blanks and ünïcode")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	// Output: q=blanks%20and%20%C3%BCn%C3%AFcode
}

// A client certificate for one server, an authority of one's own, and nothing
// older than TLS 1.3.
func ExampleLoadCertificate() {
	roots, err := transport.LoadRoots("company-ca.pem")
	if err != nil {
		fmt.Println(err)
	}
	cert, err := transport.LoadCertificate("api.example.com", "me.pem", "me.key", os.Getenv("KEY_PASSWORD"))
	if err != nil {
		fmt.Println(err)
	}
	client := &http.Client{Transport: &transport.Transport{
		RootCAs:      roots,
		Certificates: []transport.Certificate{cert},
	}}
	defer client.CloseIdleConnections()
	// Output:
	// transport: roots: open company-ca.pem: no such file or directory
	// transport: certificate: open me.pem: no such file or directory
}

// Everything through one SOCKS proxy, which resolves the names too.
func ExampleTransport_Proxy() {
	proxy, err := transport.ParseProxy("socks5://bob:secret@proxy.example:1080")
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &transport.Transport{
		Proxy: http.ProxyURL(proxy),
	}}
	defer client.CloseIdleConnections()
	fmt.Println(proxy.Redacted())
	// Output: socks5://bob:xxxxx@proxy.example:1080
}

// The other knobs of http.Transport are where they always were.
func ExampleTransport_Tune() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Close) }))
	defer server.Close()

	client := &http.Client{Transport: &transport.Transport{
		Tune: func(t *http.Transport) {
			t.MaxConnsPerHost = 8
			t.DisableKeepAlives = true
		},
	}}
	resp, err := client.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		log.Fatal(err)
	}
	// Output: true
}
