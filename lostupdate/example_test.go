package lostupdate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/lostupdate"
)

// newServer starts a server of one document that knows preconditions.
func newServer() *httptest.Server {
	var mu sync.Mutex
	version, content := 1, "first"
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tag := fmt.Sprintf(`"v%d"`, version)
		if r.Method == http.MethodPut {
			if m := r.Header.Get("If-Match"); m != "" && m != tag {
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			body, _ := io.ReadAll(r.Body)
			version, content = version+1, string(body)
			w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, version))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("ETag", tag)
		_, _ = io.WriteString(w, content)
	}))
}

func send(client *http.Client, method, url, body string) *http.Response {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

// Two editors, of whom the slower one does not overwrite what the other saved.
func Example() {
	server := newServer()
	defer server.Close()

	ann := &http.Client{Transport: &lostupdate.Transport{}}
	bob := &http.Client{Transport: &lostupdate.Transport{}}
	send(ann, http.MethodGet, server.URL, "")
	send(bob, http.MethodGet, server.URL, "")
	fmt.Println(send(ann, http.MethodPut, server.URL, "Ann's").StatusCode)
	fmt.Println(send(ann, http.MethodPut, server.URL, "Ann's second").StatusCode)

	resp := send(bob, http.MethodPut, server.URL, "Bob's")
	fmt.Println(resp.StatusCode, lostupdate.Conflict(resp).Sent)
	// Output:
	// 204
	// 204
	// 412 "v1"
}

// A change that is made again to what somebody else has saved meanwhile.
func ExampleUpdate() {
	server := newServer()
	defer server.Close()

	interrupted := false
	resp, err := lostupdate.Update(context.Background(), http.DefaultClient, server.URL, func(current []byte) ([]byte, error) {
		if !interrupted {
			interrupted = true
			send(http.DefaultClient, http.MethodPut, server.URL, "second")
		}
		return append(current, " and more"...), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()

	resp, err = http.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %v\n", content, err)
	// Output:
	// second and more <nil>
}

// Conflicts as errors.
func ExampleConflictError() {
	server := newServer()
	defer server.Close()

	client := &http.Client{Transport: &lostupdate.Transport{ConflictErrors: true}}
	send(client, http.MethodGet, server.URL, "")
	send(http.DefaultClient, http.MethodPut, server.URL, "somebody else's")

	req, err := http.NewRequest(http.MethodPut, server.URL, strings.NewReader("mine"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Do(req)
	if conflict, ok := errors.AsType[*lostupdate.ConflictError](err); ok {
		fmt.Println(conflict)
	}
	// Output:
	// lostupdate: conflict: the resource has changed since it was seen
}

// A save that the user insists on.
func ExampleWithMode() {
	server := newServer()
	defer server.Close()

	client := &http.Client{Transport: &lostupdate.Transport{}}
	send(client, http.MethodGet, server.URL, "")
	send(http.DefaultClient, http.MethodPut, server.URL, "somebody else's")

	req, err := http.NewRequest(http.MethodPut, server.URL, strings.NewReader("mine"))
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req.WithContext(lostupdate.WithMode(req.Context(), lostupdate.Override)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
	// Output:
	// 204
}
