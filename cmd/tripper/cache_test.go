package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/internal/servers"
)

// cacheOrigin answers with the Cache-Control that its query names, and with cookies that are secret.
func cacheOrigin(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		if name != "token" {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	w.Header().Set("Set-Cookie", "id=s3cr3t")
	fmt.Fprintln(w, "hello", r.Header.Get("Authorization") != "", r.Header.Get("Accept-Language"))
}

// TestCache runs all commands that look into a store, on a directory and on Redis.
func TestCache(t *testing.T) {
	t.Run("directory", func(t *testing.T) { testCache(t, filepath.Join(t.TempDir(), "cache")) })
	t.Run("Redis", func(t *testing.T) {
		s := servers.Redis(t, "")
		testCache(t, "redis://"+s.Addr+"/0?namespace=test")
	})
	t.Run("Redis with a password", func(t *testing.T) {
		s := servers.Redis(t, "requirepass s3cr3t")
		tm := &terminal{password: "s3cr3t"}
		name := "redis://default@" + s.Addr + "/0"
		r := tm.run(t.Context(), "cache", "ls", name).want(t, exitOK, "nothing is stored")
		if len(tm.asked) != 1 || !strings.HasPrefix(tm.asked[0], "Password of default at ") {
			t.Errorf("asked %q", tm.asked)
		}
		if r = do(t, "cache", "ls", "redis://default:wrong@"+s.Addr+"/0"); r.code != exitConnect || strings.Contains(r.err, "wrong@") {
			t.Errorf("%+v", r)
		}
	})
}

func testCache(t *testing.T, store string) {
	t.Helper()
	o := newOrigin(t, cacheOrigin)
	get := func(args ...string) string {
		t.Helper()
		return do(t, append([]string{"get", "-s", "--cache", store}, args...)...).want(t, exitOK).out
	}
	fresh, stale, varied := o.URL+"/fresh?cache-control=max-age=600&token=s3cr3t", o.URL+"/stale?etag=%22a%22", o.URL+"/vary?vary=Accept-Language&cache-control=max-age=600"
	get(fresh)
	get(stale)
	get("-H", "Accept-Language: de", varied)
	get("-H", "Accept-Language: fr", varied)
	get(o.URL + "/none?cache-control=no-store")
	get("-u", "joe:s3cr3t", fresh)
	asked := len(o.take())
	if get(fresh) != "hello false \n" || len(o.take()) != 0 || asked != 6 {
		t.Errorf("the origin was asked %d times, and for what is fresh", asked)
	}

	ls := do(t, "cache", "ls", store).want(t, exitOK, "AGE", "FRESH", "/fresh?[hidden]", "/stale?[hidden]", "/vary?[hidden]")
	if strings.Contains(ls.out+ls.err, "s3cr3t") {
		t.Errorf("a secret is listed:\n%s", ls.out)
	}
	if n := strings.Count(ls.out, "\n"); n != 6 {
		t.Errorf("%d lines, want a title and 5 responses:\n%s", n, ls.out)
	}
	do(t, "cache", "ls", "--reveal", store, o.URL+"/fr").want(t, exitOK, "token=s3cr3t")
	if r := do(t, "cache", "ls", store, o.URL+"/fr"); strings.Contains(r.out, "/stale") || strings.Count(r.out, "\n") != 3 {
		t.Errorf("what begins with /fr:\n%s", r.out)
	}
	for line := range strings.SplitSeq((&terminal{columns: 60}).run(t.Context(), "cache", "ls", store).out, "\n") {
		if len([]rune(line)) > 60 {
			t.Errorf("longer than the terminal is wide: %q", line)
		}
	}

	show := do(t, "cache", "show", store, o.URL+"/stale?etag=%22a%22").want(t, exitOK, "200 OK", "no, stale for", `Etag: "a"`, "Set-Cookie: [hidden]")
	_, key, _ := strings.Cut(show.out, "key     ")
	key, _, _ = strings.Cut(key, "\n")
	if r := do(t, "cache", "show", "--body", store, key[:12]).want(t, exitOK); r.out != "hello false \n" {
		t.Errorf("the body of %s is %q", key, r.out)
	}
	do(t, "cache", "show", "--reveal", store, key).want(t, exitOK, "Set-Cookie: id=s3cr3t")
	do(t, "cache", "show", "--body", store, varied).want(t, exitUsage, "2 responses")
	do(t, "cache", "show", store, o.URL+"/none").want(t, exitNotStored)

	do(t, "cache", "stats", store).want(t, exitOK, "responses", "fresh", "stale", "status 200", "host "+strings.TrimPrefix(o.URL, "http://"))

	for _, r := range []struct {
		args, want string
	}{
		{fresh, "hit: fresh (RFC 9111 §4.2)"},
		{"-u joe:s3cr3t " + fresh, "hit: fresh (RFC 9111 §4.2)"},
		{"-u joe:other " + fresh, "fetch: nothing stored, for these credentials (RFC 9111 §4)"},
		{"-H Cookie:a=1 " + fresh, "fetch: nothing stored, for these credentials (RFC 9111 §4)"},
		{"-H Cache-Control:no-cache " + fresh, "fetch: no-cache in the request (RFC 9111 §5.2.1.4)"},
		{stale, "validate: stale (RFC 9111 §4.2.4)"},
		{"-H Accept-Language:fr " + varied, "hit: fresh (RFC 9111 §4.2)"},
		{"-H Accept-Language:it " + varied, "fetch: nothing stored, for these values of Accept-Language (RFC 9111 §4)"},
		{"-X DELETE " + fresh, "pass: unsafe method (RFC 9111 §4.4)"},
		{"-H Upgrade:x -H Connection:Upgrade " + fresh, "bypass: upgrade (RFC 9110 §7.8)"},
		{"--partition joe " + fresh, "fetch: nothing stored"},
		{o.URL + "/none", "fetch: nothing stored (RFC 9111 §4)"},
	} {
		args := strings.Split(r.args, " ")
		args = append(append([]string{"cache", "why"}, args[:len(args)-1]...), store, args[len(args)-1])
		if got := do(t, args...).want(t, exitOK, r.want); !strings.Contains(got.out, ".\n") {
			t.Errorf("%s: %q does not say what that means", r.args, got.out)
		}
	}
	if n := len(o.take()); n != 0 {
		t.Errorf("the origin was asked %d times by why", n)
	}
	do(t, "cache", "why", "--ask", store, o.URL+"/none?cache-control=no-store").want(t, exitOK, "fetch: nothing stored", "It is not stored: no-store in the response (RFC 9111 §5.2.2.5).")

	do(t, "cache", "purge", store).want(t, exitUsage, "--all")
	do(t, "cache", "purge", store, fresh).want(t, exitOK)
	do(t, "cache", "why", store, fresh).want(t, exitOK, "fetch: nothing stored")
	do(t, "cache", "why", "-u", "joe:s3cr3t", store, fresh).want(t, exitOK, "fetch: nothing stored")
	do(t, "cache", "why", store, stale).want(t, exitOK, "validate: stale")
	do(t, "cache", "purge", "--prefix", store, o.URL+"/v").want(t, exitOK)
	if r := do(t, "cache", "ls", store).want(t, exitOK); strings.Count(r.out, "\n") != 2 {
		t.Errorf("left:\n%s", r.out)
	}
	do(t, "cache", "purge", "--all", store).want(t, exitOK)
	do(t, "cache", "ls", store).want(t, exitOK, "nothing is stored")
}

// TestWhyAsk asks a server, without a store.
func TestWhyAsk(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(1<<40)) // which nobody waits for
		cacheOrigin(w, r)
	})
	for _, r := range []struct{ args, want string }{
		{"/?cache-control=max-age=600", "It may be stored, and is fresh for 10m."},
		{"/?etag=%22a%22", "It may be stored, and is stale at once"},
		{"/", "It is not stored: neither fresh nor with a validator (RFC 9111 §3)."},
		{"/?cache-control=no-store", "It is not stored: no-store in the response (RFC 9111 §5.2.2.5)."},
		{"/?cache-control=private,max-age=600", "It may be stored"},
		{"--shared /?cache-control=private,max-age=600", "It is not stored: private in the response (RFC 9111 §5.2.2.7)."},
		{"--shared -u joe:s3cr3t /?cache-control=max-age=600", "It is not stored: answers a request with credentials (RFC 9111 §3.5)."},
		{"-u joe:s3cr3t /?cache-control=max-age=600", "It may be stored, and is fresh for 10m."},
		{"/?cache-control=max-age=600&vary=*", "It is not stored: varies on everything (RFC 9111 §4.1)."},
		{"-H Cache-Control:no-store /?cache-control=max-age=600", "It is not stored: no-store in the request (RFC 9111 §5.2.1.5)."},
		{"-d x /?cache-control=max-age=600", "It is not stored: unsafe method (RFC 9111 §4.4)."},
	} {
		args := strings.Split(r.args, " ")
		args[len(args)-1] = o.URL + args[len(args)-1]
		got := do(t, append([]string{"cache", "why", "--ask"}, args...)...)
		if got.code != exitOK || !strings.Contains(got.out, r.want) || strings.Contains(got.out, "s3cr3t") {
			t.Errorf("%s: %+v, want %q", r.args, got, r.want)
		}
	}
	do(t, "cache", "why", o.URL).want(t, exitUsage, "--ask")
}

// TestCacheDirectory has directories that are no caches, and those of others.
func TestCacheDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, cmd := range []string{"ls", "stats"} {
		do(t, "cache", cmd, dir).want(t, exitRead, "holds no cache")
	}
	do(t, "cache", "purge", "--all", dir).want(t, exitRead, "holds no cache")
	do(t, "cache", "ls", filepath.Join(dir, "none")).want(t, exitRead)
	if exists(filepath.Join(dir, "none")) || exists(filepath.Join(dir, "v1")) {
		t.Error("a directory was made")
	}

	key := write(t, "key", "0123456789abcdef0123456789abcdef")
	sealed := filepath.Join(dir, "sealed")
	o := newOrigin(t, cacheOrigin)
	do(t, "get", "-s", "--cache", sealed, "--cache-key-file", key, o.URL+"/?cache-control=max-age=600").want(t, exitOK)
	do(t, "cache", "ls", sealed).want(t, exitOK, "cannot be read: 1", "--key-file")
	do(t, "cache", "stats", sealed).want(t, exitOK, "cannot be read")
	do(t, "cache", "ls", "--key-file", key, sealed).want(t, exitOK, o.URL)
	if r := do(t, "get", "-s", "--cache", sealed, "--cache-key-file", key, o.URL+"/?cache-control=max-age=600"); r.code != exitOK || len(o.take()) != 1 {
		t.Error("looking into it has cost what was stored")
	}
}

// TestCacheOfPrograms looks into the stores of programs that use the packages.
func TestCacheOfPrograms(t *testing.T) {
	o := newOrigin(t, cacheOrigin)
	dir := t.TempDir()
	d, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing is written any more
	cache := &caching.Transport{Store: d, Partition: caching.ForUser("joe")}
	resp, err := (&http.Client{Transport: cache}).Get(o.URL + "/?cache-control=max-age=600")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a reader
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = cache.Close()
	do(t, "cache", "why", dir, o.URL+"/?cache-control=max-age=600").want(t, exitOK, "fetch: nothing stored")
	do(t, "cache", "why", "--partition", "joe", dir, o.URL+"/?cache-control=max-age=600").want(t, exitOK, "hit: fresh")
	for s, err := range cache.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(do(t, "cache", "ls", dir).out, "@"+s.Key[:shortKey]) {
			t.Error("the key is not listed")
		}
	}
}

// TestCacheRedisOfOthers lists one namespace of several.
func TestCacheRedisOfOthers(t *testing.T) {
	s := servers.Redis(t, "")
	o := newOrigin(t, cacheOrigin)
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer client.Close() //nolint:errcheck // nothing is under way
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.Set(ctx, "somebody's", "else", 0).Err(); err != nil {
		t.Fatal(err)
	}
	do(t, "get", "-s", "--cache", "redis://"+s.Addr+"/0?namespace=a", o.URL+"/?cache-control=max-age=600").want(t, exitOK)
	do(t, "cache", "ls", "redis://"+s.Addr+"/0?namespace=b").want(t, exitOK, "nothing is stored")
	do(t, "cache", "purge", "--all", "redis://"+s.Addr+"/0?namespace=b").want(t, exitOK)
	do(t, "cache", "ls", "redis://"+s.Addr+"/0?namespace=a").want(t, exitOK, o.URL)
	keys, err := client.Keys(ctx, "somebody's").Result()
	if err != nil || !slices.Contains(keys, "somebody's") {
		t.Error("what is not of the cache was removed", err)
	}
}

func TestStoredURL(t *testing.T) {
	for _, r := range []struct{ url, want, why string }{
		{"HTTP://Example.COM:80", "http://example.com/", "RFC 9110 §4.2.3: equivalent"},
		{"https://example.com:443/?", "https://example.com/?", "an empty query is another URL"},
		{"http://joe:s3cr3t@example.com:8080/a%20b?x=y#f", "http://example.com:8080/a%20b?x=y", "no user information, no fragment"},
		{"http://[::1]:80/", "http://[::1]/", "an address"},
		{"example.com/a", "http://example.com/a", "as curl has it"},
	} {
		tg, err := parseTarget(r.url)
		if err != nil || storedURL(tg.url) != r.want {
			t.Errorf("%s: %q, %v, want %q: %s", r.url, storedURL(tg.url), err, r.want, r.why)
		}
	}
}
