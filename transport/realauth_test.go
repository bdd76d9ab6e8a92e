package transport_test

import (
	"crypto/md5" //nolint:gosec // what squid's password file holds
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/transport"
)

// TestSquidDigest has squid ask for Digest with strict counting of nonces, and
// auth.Proxy answer, for many requests at once.
func TestSquidDigest(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Cert("127.0.0.1")
	ha1 := md5.Sum([]byte("bob:squid:secret")) //nolint:gosec // likewise
	passwd := servers.Write(t, servers.Dir(t), "digest", "bob:squid:"+hex.EncodeToString(ha1[:])+"\n")
	s := servers.Squid(t, "http_port 127.0.0.1:{{.Port}}\nhttps_port 127.0.0.1:{{port \"tls\"}} tls-cert="+cert+" tls-key="+key+`
		auth_param digest program /usr/lib/squid/digest_file_auth -c `+passwd+`
		auth_param digest children 4 startup=4 idle=1
		auth_param digest realm squid
		auth_param digest check_nonce_count on
		auth_param digest post_workaround off
		acl known proxy_auth REQUIRED
		http_access allow known
		http_access deny all
		`)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		fmt.Fprintf(w, "%d%s", n, r.Header.Get("Proxy-Authorization"))
	})
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for name, proxy := range map[string]string{"http": s.URL, "https": "https://" + s.Named("tls")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(proxy)
			if err != nil {
				t.Fatal(err)
			}
			keys := &auth.Keyring{}
			keys.Add("bob", "secret")
			tr := &transport.Transport{
				Proxy: http.ProxyURL(u), ProxyAuth: &auth.Proxy{Credentials: keys}, InsecureSkipVerify: true,
				Tune: func(tr *http.Transport) { tr.DisableKeepAlives = true }, // a dialogue for each tunnel
			}
			client := &http.Client{Transport: tr}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 5 {
						for _, target := range []string{plain.URL, secure.URL} {
							resp, err := client.Post(target+"/path?a=b c", "text/plain", strings.NewReader("0123456789"))
							if err != nil {
								t.Error(err)
								return
							}
							body, err := io.ReadAll(resp.Body)
							if err != nil || resp.StatusCode != 200 || string(body) != "10" {
								t.Errorf("%d %q %v", resp.StatusCode, body, err)
							}
							resp.Body.Close()
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
