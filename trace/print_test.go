package trace

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// Nothing that is printed shows what came or went with secrets.
func TestPrints(t *testing.T) {
	const secret = "s3cr3t"
	var events []any
	var exchanges []any
	archive := &HAR{Base: rttest.Func(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/fail" {
			return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: io.ErrUnexpectedEOF}
		}
		return rttest.Respond("HTTP/1.1 200 OK\nSet-Cookie: a=" + secret + "\nLocation: /?" + secret + "\n\n" + secret)(req)
	})}
	line := &Timeline{Base: archive}
	logger := &Log{Base: line, Logger: slog.New(slog.DiscardHandler), Verbose: io.Discard}
	hook := &Hook{Base: logger, Func: func(e Event) {
		events = append(events, e, &e)
		if e.Exchange != nil {
			exchanges = append(exchanges, *e.Exchange, e.Exchange)
		}
	}}
	for _, path := range []string{"ok", "fail"} {
		req := rttest.NewRequest(t, "GET", "http://joe:"+secret+"@example.com/"+path+"?token="+secret, nil)
		req.Header.Set("Authorization", "Bearer "+secret)
		if resp, err := hook.RoundTrip(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	if len(events) == 0 || len(exchanges) == 0 {
		t.Fatal("nothing was heard")
	}
	// Events are made to be logged, as JSON too.
	for _, v := range append(events, exchanges...) {
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%v\n%s", err, text)
		}
	}
	rttest.Prints(t, secret, map[string][]any{
		"Event": events, "Exchange": exchanges, "Phases": {Phases{}}, "HAR": {archive}, "Timeline": {line}, "Log": {logger}, "Hook": {hook}, "Wire": {new(Wire)},
	})
}
