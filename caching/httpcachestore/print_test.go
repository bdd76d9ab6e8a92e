package httpcachestore

import (
	"net/http"
	"testing"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	const secret = "hunter2"
	s := New(httpcache.NewMemoryCache(), nil)
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, _ = w.Write([]byte(secret))
	meta := &store.Meta{URL: "http://example.com/?token=" + secret, Status: 200, Proto: "HTTP/1.1", Header: store.FieldsOf(http.Header{"Set-Cookie": {secret}})}
	if err := w.Commit(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
	rttest.Prints(t, secret, map[string][]any{"Store": {s}, "Options": {Options{}}})
}
