package recipes_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/tripper-go/tripper/auth"
)

func Example_netrc() {
	origin := serve(func(w http.ResponseWriter, req *http.Request) {
		user, _, ok := req.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="example"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "hello, ", user)
	})
	defer origin.Close()
	file := netrcFor(origin.URL)
	defer os.RemoveAll(filepath.Dir(file))

	keys, err := auth.Netrc(file) // "" is $NETRC or ~/.netrc
	if errors.Is(err, fs.ErrNotExist) {
		keys = nil // nobody has to have one
	} else if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &auth.Transport{Credentials: keys}}
	_, body := get(client, origin.URL)
	fmt.Println(body)
	// Output: hello, joe
}

// netrcFor writes a netrc file for the server at a URL.
func netrcFor(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "netrc")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "netrc")
	if err := os.WriteFile(file, []byte("machine "+u.Hostname()+" login joe password secret\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	return file
}
