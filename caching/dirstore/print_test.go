package dirstore

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestPrints(t *testing.T) {
	const secret = "hunter2"
	opts := Options{Key: func() ([]byte, error) { return []byte(secret + "0123456789abcdef"), nil }}
	d := open(t, t.TempDir(), opts)
	meta := &store.Meta{URL: "http://example.com/?token=" + secret, Status: 200, Proto: "HTTP/1.1", Header: store.FieldsOf(http.Header{"Set-Cookie": {secret}})}
	entries.PutSize(t, d, "key", meta, []byte(secret), -1)
	rttest.Prints(t, string(d.key), map[string][]any{"Store": {d}, "Options": nil})
	rttest.Prints(t, secret, map[string][]any{"Store": {d}, "Options": {opts, &opts}})
}
