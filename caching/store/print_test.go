package store_test

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	m := &store.Meta{URL: "http://example.com/?token=" + secret, Status: 200, Header: store.FieldsOf(http.Header{"Set-Cookie": {secret}})}
	rttest.Prints(t, secret, map[string][]any{
		"Meta": {m}, "Entry": {&store.Entry{Meta: m, Bytes: []byte("body"), Size: 4}, store.Entry{Meta: m}},
		"Fields": {m.Header, &m.Header, store.Fields{}}, "Listed": {store.Listed{Meta: m}, store.Listed{}}, "Memo": {store.Memo{Value: m, Bytes: 1}, &store.Memo{Value: m}}, "Stats": {store.Stats{}}, "Timing": {store.Timing(0)},
		"Store": nil, "Writer": nil, "Leaser": nil, "Lister": nil, "Secreter": nil, "Shortener": nil, "Promiser": nil,
		"Promises": {store.Promises{}}, "Version": {store.Absent},
		"Finder": nil, "Want": {store.Want{Entries: []store.Wanted{{Key: "key"}}}}, "Wanted": {store.Wanted{Key: "key"}},
		"FoundEntry": {store.FoundEntry{Entry: &store.Entry{Meta: m}}},
		"Found":      {store.Found{Entries: []store.FoundEntry{{Entry: &store.Entry{Meta: m}}}}, &store.Found{Entries: []store.FoundEntry{{Entry: &store.Entry{Meta: m}}}}},
	})
}
