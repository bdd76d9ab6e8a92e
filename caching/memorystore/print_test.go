package memorystore

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestPrints(t *testing.T) {
	const secret = "hunter2"
	m := New(1 << 20)
	meta := &store.Meta{URL: "http://example.com/?token=" + secret, Status: 200, Header: store.FieldsOf(http.Header{"Set-Cookie": {secret}})}
	entries.PutSize(t, m, "key", meta, []byte(secret), -1)
	w, err := m.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, _ = w.Write([]byte(secret))
	rttest.Prints(t, secret, map[string][]any{"Store": {m}})
}
