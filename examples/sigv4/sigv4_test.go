package sigv4_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/examples/sigv4"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
)

const (
	service = "execute-api"
	region  = "eu-west-1"
)

var secrets = map[string]string{"AKIDALICE": "secret of alice", "AKIDBOB": "secret of bob"}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// verify returns the access key that has signed r, whose content is body. It does what the
// documentation of AWS says, without its SDK.
func verify(r *http.Request, body []byte) (string, error) {
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for part := range strings.SplitSeq(rest, ", ") {
		name, v, _ := strings.Cut(part, "=")
		fields[name] = v
	}
	id, scope, _ := strings.Cut(fields["Credential"], "/")
	date := r.Header.Get("X-Amz-Date")
	if !ok || secrets[id] == "" || len(date) < 8 || scope != date[:8]+"/"+region+"/"+service+"/aws4_request" {
		return "", fmt.Errorf("not signed: %q", rest)
	}
	target, query, _ := strings.Cut(r.RequestURI, "?")
	pairs := strings.Split(query, "&")
	slices.Sort(pairs)
	canonical := r.Method + "\n" + escape(target) + "\n" + strings.Join(pairs, "&") + "\n"
	for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
		v := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			v = r.Host
		}
		canonical += name + ":" + v + "\n"
	}
	canonical += "\n" + fields["SignedHeaders"] + "\n" + hash(body)
	toSign := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hash([]byte(canonical))
	key := []byte("AWS4" + secrets[id])
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	if want := hex.EncodeToString(mac(key, toSign)); fields["Signature"] != want {
		return "", fmt.Errorf("signature of %q is wrong", canonical)
	}
	return id, nil
}

// escape escapes a path that is escaped already once more, as services other than S3 do.
func escape(path string) string { return strings.ReplaceAll(path, "%", "%25") }

// An origin verifies every request, and answers with the name of the key.
type origin struct {
	t *testing.T
	*httptest.Server
	requests   atomic.Int32
	mu         sync.Mutex
	signatures []string
}

func newOrigin(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, id string)) *origin {
	t.Helper()
	o := &origin{t: t}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		id, err := verify(r, body)
		if err != nil {
			t.Error(err)
		}
		o.mu.Lock()
		o.signatures = append(o.signatures, r.Header.Get("Authorization"))
		o.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, r, id)
	}))
	t.Cleanup(o.Close)
	return o
}

// clock returns a clock that goes on by a second whenever it is looked at.
func clock() func() time.Time {
	var n atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(n.Add(1)) * time.Second) }
}

func signing(id string) *auth.Transport {
	return &auth.Transport{
		Credentials: auth.Credential{Username: id, Password: secrets[id]},
		Schemes:     []auth.Scheme{sigv4.Scheme{Service: service, Region: region, Now: clock()}},
		Preemptive:  true,
	}
}

func get(t *testing.T, client *http.Client, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each try and each hop has a signature of its own, over what is sent.
func TestAfresh(t *testing.T) {
	var tries atomic.Int32
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request, id string) {
		switch {
		case r.URL.Path == "/from":
			http.Redirect(w, r, "/to%20here?b=2&a=1", http.StatusTemporaryRedirect)
		case tries.Add(1) == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Errorf("not compressed: %v", err)
				return
			}
			b, _ := io.ReadAll(z)
			fmt.Fprintf(w, "%d bytes of %s", len(b), id)
		}
	})
	backoff := func(retry.Attempt) time.Duration { return 0 }
	client := tripper.Chain{
		&redirects.Transport{Unsafe: true}, &caching.Transport{}, &compress.Transport{}, &retry.Transport{Backoff: backoff}, signing("AKIDALICE"),
	}.Client(nil)
	if got := get(t, client, "PUT", o.URL+"/from?x=%2F", strings.Repeat("x", 5000)); got != "5000 bytes of AKIDALICE" {
		t.Errorf("%q", got)
	}
	slices.Sort(o.signatures)
	if n := len(slices.Compact(o.signatures)); n != 3 {
		t.Errorf("%d signatures, want 3: two hops, and two tries of the second", n)
	}
}

// A signature is never sent to another host.
func TestOtherHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-") || name == "Authorization" {
				t.Errorf("%s was sent to another host", name)
			}
		}
	}))
	defer other.Close()
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	})
	for _, client := range []*http.Client{
		{Transport: signing("AKIDALICE")},
		tripper.Chain{&redirects.Transport{}, signing("AKIDALICE")}.Client(nil),
	} {
		get(t, client, "GET", o.URL, "")
	}
	if o.requests.Load() != 2 {
		t.Errorf("%d requests", o.requests.Load())
	}
}

// Two keys share a Store, and nothing in it.
func TestUsers(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request, id string) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, id)
	})
	cache := &caching.Transport{}
	defer cache.Close()
	var wg sync.WaitGroup
	for id := range secrets {
		client := tripper.Chain{cache, signing(id)}.Client(nil)
		get(t, client, "GET", o.URL, "")
		for range 20 {
			wg.Go(func() {
				if got := get(t, client, "GET", o.URL, ""); got != id {
					t.Errorf("%s gets the response of %s", id, got)
				}
			})
		}
	}
	wg.Wait()
	if n := o.requests.Load(); n != 2 {
		t.Errorf("%d requests, want one for each key", n)
	}
}

// Content that can be read only once, and is too long to be kept, is not sent unsigned.
func TestTooLong(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request, id string) { fmt.Fprint(w, id) })
	rt := signing("AKIDBOB")
	rt.MaxReplay = 10
	for body, want := range map[string]bool{"short": true, "longer than that": false} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", o.URL, io.NopCloser(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: rt}).Do(req)
		if (err == nil) != want {
			t.Errorf("%q: %v", body, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
			continue
		}
		_ = resp.Body.Close()
	}
	if n := o.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func Example() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := verify(r, nil)
		fmt.Fprintln(w, id, err)
	}))
	defer origin.Close()
	u, _ := url.Parse(origin.URL)

	client := &http.Client{Transport: &auth.Transport{
		Credentials: auth.Credential{Username: "AKIDALICE", Password: "secret of alice", Domain: u.Host},
		Schemes:     []auth.Scheme{sigv4.Scheme{Service: service, Region: region}},
		Preemptive:  true,
	}}
	resp, err := client.Get(origin.URL + "/items?limit=10")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Print(string(body))
	// Output: AKIDALICE <nil>
}
