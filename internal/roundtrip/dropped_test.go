package roundtrip

import (
	"net/http"
	"strings"
	"testing"
)

type hearer []*http.Response

func (h *hearer) Dropped(resp *http.Response) { *h = append(*h, resp) }

func TestWithDropped(t *testing.T) {
	var told hearer
	ctx := WithDropped(t.Context(), &told)
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", strings.NewReader(""))
	other, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", http.NoBody)
	first, second := &http.Response{Request: req}, &http.Response{Request: req, Body: http.NoBody}
	for _, resp := range []*http.Response{nil, {}, {Request: other}, first, second} {
		Discard(resp)
	}
	if len(told) != 2 || told[0] != first || told[1] != second {
		t.Errorf("told of %d responses, want the two to the request", len(told))
	}
}
