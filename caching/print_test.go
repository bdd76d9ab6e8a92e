package caching

import (
	"net/http"
	"testing"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	m := &store.Meta{URL: "http://example.com/?token=" + secret, Status: 200, Header: http.Header{"Set-Cookie": {secret}}}
	memory := memorystore.New(1 << 20)
	used := &Transport{Store: memory, Base: answers(func(req *http.Request) *http.Response {
		h := http.Header{"Cache-Control": {"max-age=60"}, "Set-Cookie": {secret}}
		return &http.Response{StatusCode: http.StatusOK, Header: h, Body: http.NoBody, Request: req}
	})}
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/?token="+secret, nil)
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := used.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	info, _ := InfoOf(resp)
	dir, err := dirstore.Open(t.TempDir(), &dirstore.Options{Key: func() ([]byte, error) { return []byte(secret + "0123456789abcdef"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Memory": {memory}, "Meta": {m},
		"Entry": {&store.Entry{Meta: m, Bytes: []byte("body"), Size: 4}, store.Entry{Meta: m}}, "Stored": {Stored{URL: m.URL, Header: m.Header}},
		"Info": {info}, "Compat": {Compat{}}, "Stats": {store.Stats{}}, "Dir": {dir}, "DirOptions": {dirstore.Options{}},
		"Memo": {store.Memo{Value: m, Bytes: 1}, &store.Memo{Value: m}}, "Adapted": {httpcachestore.New(httpcache.NewMemoryCache(), nil)}, "AdaptOptions": {httpcachestore.Options{}}, "Timing": {store.Timing(0)},
		"Store": nil, "Writer": nil, "Leaser": nil, "Lister": nil, "Secreter": nil, "Shortener": nil, "Timed": nil,
	})
}

// answers is a RoundTripper that never fails.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }
