package recipes_test

import (
	"fmt"
	"net/http"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/transport"
)

func Example_severalUsers() {
	origin := serve(func(w http.ResponseWriter, req *http.Request) {
		user, _, ok := req.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="example"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "private, max-age=60")
		fmt.Fprint(w, "hello, ", user)
	})
	defer origin.Close()

	cache := &caching.Transport{} // one for all users
	leaf := &transport.Transport{}
	clientOf := func(user string) *http.Client {
		return tripper.Chain{
			cache,
			&auth.Transport{Credentials: auth.Credential{Username: user, Password: "secret"}},
		}.Client(leaf)
	}
	for _, user := range []string{"ann", "bob", "ann"} {
		resp, body := get(clientOf(user), origin.URL)
		fmt.Println(body, caching.FromCache(resp))
	}
	// Output:
	// hello, ann false
	// hello, bob false
	// hello, ann true
}
