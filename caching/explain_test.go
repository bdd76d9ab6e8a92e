package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/trace"
)

// Explain says what RoundTrip does then, and changes nothing.
func TestExplain(t *testing.T) {
	for _, row := range []struct {
		name, path, method, why string
		first                   string // a line of the request before, which is 5 s ago; "-" if there is none
		line                    string // of the request
		options                 func(context.Context) context.Context
		verdict, reason         string
		event                   string // of the request then, if it is not the verdict
	}{
		{name: "hit", path: "/fresh", verdict: "hit", reason: "fresh (RFC 9111 §4.2)", why: "stored 5 s ago for a minute"},
		{name: "HEAD", path: "/fresh", method: "HEAD", verdict: "hit", reason: "fresh (RFC 9111 §4.2)", why: "a GET answers it"},
		{name: "stale", path: "/swr", verdict: "stale", reason: "stale-while-revalidate (RFC 5861 §3)", why: "and is not validated by asking"},
		{name: "max-stale", path: "/validator", line: "Cache-Control: max-stale", verdict: "stale", reason: "max-stale (RFC 9111 §5.2.1.2)", why: "the request takes it"},
		{name: "must-revalidate", path: "/must", verdict: "validate", reason: "stale, must be validated (RFC 9111 §5.2.2.2)", event: "validated", why: "it has a validator"},
		{name: "no validator", path: "/changed", verdict: "fetch", reason: "stale (RFC 9111 §4.2.4)", why: "there is nothing to ask with"},
		{name: "no-cache", path: "/fresh", line: "Cache-Control: no-cache", verdict: "validate", reason: "no-cache in the request (RFC 9111 §5.2.1.4)", event: "validated", why: "of the request"},
		{name: "reload", path: "/fresh", options: WithReload, verdict: "validate", reason: "reload", event: "validated", why: "an option of this package has no section"},
		{name: "nothing stored", path: "/fresh", first: "-", verdict: "fetch", reason: "nothing stored (RFC 9111 §4)", why: "never asked for"},
		{name: "another key", path: "/fresh?a=2", first: "X: y", verdict: "fetch", reason: "nothing stored (RFC 9111 §4)", why: "the query is part of the key"},
		{name: "no-store", path: "/no-store", verdict: "fetch", reason: "nothing stored, since the last response was not to be stored (RFC 9111 §4)", event: "pass", why: "hit-for-miss"},
		{name: "Vary", path: "/vary", line: "Accept-Language: de", verdict: "fetch", reason: "nothing stored, for these values of Accept-Language (RFC 9111 §4)", why: "RFC 9111 §4.1"},
		{name: "another user", path: "/fresh", first: "Authorization: Bearer a", line: "Authorization: Bearer s3cr3t", verdict: "fetch", reason: "nothing stored, for these credentials (RFC 9111 §4)", why: "users are kept apart"},
		{name: "a user", path: "/fresh", line: "Cookie: id=s3cr3t", verdict: "fetch", reason: "nothing stored, for these credentials (RFC 9111 §4)", why: "the response is for requests without"},
		{name: "no user", path: "/fresh", first: "Cookie: id=s3cr3t", verdict: "fetch", reason: "nothing stored, for a request without credentials (RFC 9111 §4)", why: "it is the user's"},
		{name: "only-if-cached", path: "/fresh", first: "-", line: "Cache-Control: only-if-cached", verdict: "refuse", reason: "only-if-cached, nothing stored (RFC 9111 §5.2.1.7)", why: "504"},
		{name: "offline", path: "/no-store", options: WithOffline, verdict: "refuse", reason: "offline, nothing stored", why: "504"},
		{name: "signed", path: "/must", line: "Authorization: AWS4-HMAC-SHA256 Credential=s3cr3t", first: "Authorization: AWS4-HMAC-SHA256 Credential=s3cr3t", verdict: "fetch", reason: "signed by the caller, fetched as it is", why: "a validator may be covered"},
		{name: "unsafe", path: "/fresh", method: "DELETE", verdict: "pass", reason: "unsafe method (RFC 9111 §4.4)", why: "it is not sent, and nothing is invalidated"},
		{name: "method", path: "/fresh", method: "OPTIONS", verdict: "bypass", reason: "method (RFC 9110 §9.2.3)", why: "its response is not stored"},
		{name: "precondition", path: "/fresh", line: `If-Match: "a"`, verdict: "bypass", reason: "precondition for the origin (RFC 9111 §4.3.2)", why: "for the origin to judge"},
		{name: "option", path: "/fresh", options: WithBypass, verdict: "bypass", reason: "bypass", why: "an option"},
		{name: "unsafe, only-if-cached", path: "/fresh", method: "POST", line: "Cache-Control: only-if-cached", verdict: "refuse", reason: "only-if-cached, unsafe (RFC 9111 §5.2.1.7)", why: "it must not be sent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, told := 0, 0
				m := memorystore.New(1 << 20)
				c := &Transport{Store: m}
				defer c.Close()
				rt := c.Wrap(originFunc(func(req *http.Request) (*http.Response, error) {
					asked++
					return statsOrigin(req)
				}))
				if row.first != "-" {
					get(t, rt, t.Context(), "http://example.com"+strings.TrimSuffix(row.path, "?a=2"), firstOf(row.first)...)
				}
				time.Sleep(5 * time.Second)
				last := ""
				ctx := trace.WithHook(t.Context(), func(e trace.Event) {
					if told++; outcomes[e.Action] != nil && !e.Background {
						last = e.Action
					}
				})
				if row.options != nil {
					ctx = row.options(ctx)
				}
				method := "GET"
				if row.method != "" {
					method = row.method
				}
				req, _ := http.NewRequestWithContext(ctx, method, "http://example.com"+row.path, nil)
				for _, l := range firstOf(row.line) {
					name, value, _ := strings.Cut(l, ": ")
					req.Header.Set(name, value)
				}
				before, stats, stored := asked, c.Stats(), m.Stats().Stored
				verdict, reason := c.Explain(req)
				synctest.Wait()
				if diff := compare.Diff([]string{row.verdict, row.reason}, []string{verdict, reason}); diff != "" {
					t.Errorf("%s (-want +got):\n%s", row.why, diff)
				}
				if asked != before || told != 0 || c.Stats() != stats || m.Stats().Stored != stored {
					t.Errorf("asked %d times, told %d events, counted %+v", asked-before, told, c.Stats().since(stats))
				}
				if resp, err := rt.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
				want := row.verdict
				if row.event != "" {
					want = row.event
				}
				if last != want {
					t.Errorf("explained as %s, and the request is told as %s", want, last)
				}
			})
		})
	}
}

func firstOf(line string) []string {
	if line == "" {
		return nil
	}
	return []string{line}
}

func TestExplainCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return text(req, 200, "hello", "Cache-Control: max-age=60"), nil
		})}
		defer c.Close()
		go func() { _ = send(t, c, t.Context()).Body.Close() }()
		synctest.Wait()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
		if verdict, _ := c.Explain(req); verdict != "collapse" {
			t.Errorf("%s, while another request is under way", verdict)
		}
		time.Sleep(2 * time.Second)
		if verdict, _ := c.Explain(req); verdict != "hit" {
			t.Errorf("%s, when it is there", verdict)
		}
	})
}

// An identity is a layer that says whose credentials it adds.
type identity struct {
	http.RoundTripper
	who string
}

func (i identity) Identity(*http.Request) string { return i.who }

// The layers below the latest Wrap are asked for whom they sign.
func TestExplainIdentity(t *testing.T) {
	t.Parallel()
	c := &Transport{}
	defer c.Close()
	next := originFunc(statsOrigin)
	get(t, c.Wrap(identity{next, "alice"}), t.Context(), "http://example.com/fresh")
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/fresh", nil)
	if verdict, reason := c.Explain(req); verdict != "hit" {
		t.Errorf("for alice: %s, %s", verdict, reason)
	}
	c.Wrap(identity{next, "bob"})
	if verdict, reason := c.Explain(req); verdict != "fetch" || !strings.Contains(reason, "these credentials") {
		t.Errorf("for bob: %s, %s", verdict, reason)
	}
}

// A Store that fails is the reason, and the body of the request stays the caller's.
func TestExplainTrouble(t *testing.T) {
	t.Parallel()
	c := &Transport{Store: &failing{Store: memorystore.New(1 << 20), get: errors.New("no disk")}, CacheQuery: true}
	defer c.Close()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	if verdict, reason := c.Explain(req); verdict != "fetch" || reason != "reading failed" {
		t.Errorf("%s, %s", verdict, reason)
	}
	body := &closable{Reader: strings.NewReader("q")}
	req, _ = http.NewRequestWithContext(t.Context(), "QUERY", "http://example.com/", body)
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("q")), nil }
	if verdict, _ := c.Explain(req); verdict != "fetch" || body.closed || body.Len() != 1 {
		t.Errorf("%s; body closed %v, %d bytes left", verdict, body.closed, body.Len())
	}
}

// closable is a body that knows whether it was closed.
type closable struct {
	*strings.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}
