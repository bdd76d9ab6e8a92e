package trace_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// deciding stands for any layer: it reports what it decides.
type deciding struct{}

func (deciding) RoundTrip(req *http.Request) (*http.Response, error) {
	if hook := trace.From(req.Context()); hook != nil {
		hook(trace.About(req, "example", "send", "nothing to add"))
	}
	return http.DefaultTransport.RoundTrip(req)
}

// A hook in the context of a request hears what the layers decide about it.
func ExampleWithHook() {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	ctx := trace.WithHook(context.Background(), func(e trace.Event) { fmt.Println(e) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := (&http.Client{Transport: deciding{}}).Do(req)
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	// Output: example: send (nothing to add)
}

// All requests of a client are heard.
func ExampleHook() {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	hook := &trace.Hook{Func: func(e trace.Event) { fmt.Println(e) }}
	client := &http.Client{Transport: hook.Wrap(deciding{})}
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	// Output: example: send (nothing to add)
}

// The figures that curl -w prints.
func ExampleExchangeOf() {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer origin.Close()
	client := tripper.Chain{&retry.Transport{}}.Client(nil)
	req, err := http.NewRequestWithContext(trace.WithExchanges(context.Background()), http.MethodGet, origin.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if x, ok := trace.ExchangeOf(resp); ok {
		fmt.Println(x.RemoteAddr.String() == origin.Listener.Addr().String(), x.Reused, x.Attempt, x.Received)
		fmt.Println(x.Phases.Connect > 0, x.Phases.FirstByte() > x.Phases.Connect, x.Duration >= x.Phases.FirstByte())
	}
	// Output:
	// true false 1 5
	// true true true
}

// A line for each request, and at debug level one for each decision.
func ExampleLog() {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case "time", "duration", "url", "call": // differ from run to run
				return slog.Attr{}
			}
			return a
		},
	}))
	client := &http.Client{Transport: &trace.Log{Base: deciding{}, Logger: logger}}
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	// Output:
	// level=DEBUG msg="http event" layer=example action=send reason="nothing to add" method=GET
	// level=INFO msg=http method=GET status=404 bytes=19
}

// An archive that browsers can show.
func ExampleHAR() {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	archive := &trace.HAR{}
	client := &http.Client{Transport: archive}
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	var file strings.Builder
	if _, err := archive.WriteTo(&file); err != nil {
		log.Fatal(err)
	}
	fmt.Println(archive.Len(), strings.Contains(file.String(), `"version":"1.2"`))
	// Output: 1 true
}

// What was decided and what went over the wire, to look at.
func ExampleTimeline() {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	line := &trace.Timeline{}
	client := tripper.Chain{line, &retry.Transport{}}.Client(nil)
	resp, err := client.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	var text, page strings.Builder
	if _, err := line.WriteTo(&text); err != nil {
		log.Fatal(err)
	}
	if err := line.WritePage(&page); err != nil {
		log.Fatal(err)
	}
	for event := range strings.Lines(text.String()) {
		if words := strings.Fields(event); words[1] == "ms" {
			fmt.Println(words[2:5])
		}
	}
	fmt.Println(strings.HasPrefix(page.String(), "<!DOCTYPE html>"))
	// Output:
	// [wire response over]
	// [retry done nothing]
	// [wire body complete]
	// true
}
