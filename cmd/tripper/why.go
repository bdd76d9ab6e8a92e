package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/trace"
)

// whyOptions are those of cache why.
type whyOptions struct {
	cacheOptions
	requestOptions
	ask       bool
	partition string
}

// whyCommand is tripper cache why.
func whyCommand(ctx context.Context, c *console, args []string) error {
	var o whyOptions
	cmd := &command{name: "cache why", args: "[STORE] URL", about: `Says what a request for URL would get from the store, and why, with the section
of the RFC. Nothing is sent, and nothing is stored. Fields, cookies and
passwords count: responses are kept apart by user, and by what Vary names.

With --ask the server is asked too, past the store, and the answer is whether
its response may be stored, and for how long it would be fresh. STORE may be
left out then.
`}
	f := cmd.group("Options:")
	f.BoolVar(&o.ask, "ask", false, "ask the server too")
	f.BoolVar(&o.shared, "shared", false, "look as a shared cache does, such as that of a proxy")
	f.StringVar(&o.partition, "partition", "", "look as a program does whose Partition is caching.ForUser of `user`")
	o.storeFlags(f)
	o.requestFlags(cmd.group("What is asked for:"))
	o.bodyFlags(cmd.group("What would be sent:"))
	o.credentialFlags(cmd.group("Passwords:"))
	o.connectionFlags(cmd.group("The connection, for --ask:"))
	rest, set, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	o.proxySet = set.Changed("proxy")
	least := 2
	if o.ask {
		least = 1
	}
	if err := cmd.wants(rest, least, 2); err != nil {
		return failf(exitUsage, "%w; STORE can be left out with --ask", err)
	}
	t, err := parseTarget(rest[len(rest)-1])
	if err != nil {
		return err
	}
	if limit := o.limit(); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	below, leaf, err := o.inner(ctx, c, t)
	if err != nil {
		return err
	}
	w := &why{whyOptions: o, below: below, leaf: leaf}
	if len(rest) == 2 {
		if err := w.explain(ctx, c, t, rest[0]); err != nil {
			return err
		}
	}
	if o.ask {
		return w.askServer(ctx, c, t)
	}
	return nil
}

// A why is one question, with the layers below the cache.
type why struct {
	whyOptions
	below tripper.Chain
	leaf  http.RoundTripper
}

// client returns a client with cache in it, which sends through base.
func (o *why) client(cache *caching.Transport, base http.RoundTripper) *http.Client {
	if o.partition != "" {
		cache.Partition = caching.ForUser(o.partition)
	}
	cache.Shared = o.shared
	return append(tripper.Chain{cache}, o.below...).Client(base)
}

// headersOnly leaves out the content of responses: whether they may be stored is decided by their headers, and the
// content may be large.
type headersOnly struct{ next http.RoundTripper }

func (h headersOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	short := *resp
	short.Header = resp.Header.Clone()
	short.Header.Del("Content-Length")
	short.Body, short.ContentLength, short.TransferEncoding = http.NoBody, 0, nil
	return &short, resp.Body.Close()
}

// Unwrap lets the cache see what is below.
func (h headersOnly) Unwrap() http.RoundTripper { return h.next }

// explain says what a request would get from a store.
func (o *why) explain(ctx context.Context, c *console, t target, name string) error {
	cache, st, done, err := o.look(ctx, c, name)
	if err != nil {
		return err
	}
	defer done()
	o.client(cache, o.leaf) // by whose layers the user is told
	req, err := o.request(ctx, t, c.in)
	if err != nil {
		return err
	}
	verdict, reason := cache.Explain(req)
	if err := ctx.Err(); err != nil {
		return err
	}
	c.print("%s: %s\n", verdict, reason)
	c.print("  %s\n", meanings[verdict])
	if verdict == "fetch" && !o.ask {
		c.print("  With --ask the server is asked whether its response may be stored.\n")
	}
	warnUnreadable(c, st)
	return nil
}

// meanings say what the verdicts of Explain mean.
var meanings = map[string]string{
	"hit":      "A stored response is fresh, and is the answer.",
	"stale":    "A stored response is the answer, although it is stale.",
	"validate": "The server is asked whether the stored response is still right.",
	"fetch":    "The server is asked for the response.",
	"collapse": "The response to another request, which is under way, is waited for.",
	"refuse":   "The answer is 504: the server must not be asked.",
	"bypass":   "The request passes the cache by, and its response is not stored.",
	"pass":     "The request is sent, and what is stored for the URL is invalidated.",
}

// askServer asks the server, through an empty cache, and says whether its response may be stored.
func (o *why) askServer(ctx context.Context, c *console, t target) error {
	cache := new(caching.Transport)
	defer cache.Close() //nolint:errcheck // its store is in memory
	client := o.client(cache, headersOnly{o.leaf})
	defer client.CloseIdleConnections()
	var heard verdicts
	req, err := o.request(trace.WithHook(ctx, heard.hear), t, c.in)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	c.print("The server answered %d %s.\n", resp.StatusCode, http.StatusText(resp.StatusCode))
	for _, name := range []string{"Cache-Control", "Expires", "Age", "Date", "Last-Modified", "Etag", "Vary", "Pragma"} {
		for _, v := range resp.Header[name] {
			c.print("  %s: %s\n", name, strings.Map(visible, v))
		}
	}
	c.print("%s\n", heard.sentence())
	return nil
}

// verdicts are what the cache tells of a request.
type verdicts struct {
	mu  sync.Mutex
	all []trace.Event
}

func (v *verdicts) hear(e trace.Event) {
	if e.Layer == "caching" {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.all = append(v.all, e)
	}
}

// sentence says whether the response may be stored.
func (v *verdicts) sentence() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.all {
		switch e.Action {
		case "pass", "bypass", "not stored", "error":
			reason := e.Reason
			if s := caching.Section(reason); s != "" {
				reason += " (" + s + ")"
			}
			return "It is not stored: " + reason + "."
		case "store":
			for _, a := range e.Attrs {
				if a.Key != "lifetime" {
					continue
				}
				if d := a.Value.Duration(); d > 0 {
					return "It may be stored, and is fresh for " + timeOf(d) + "."
				}
				return "It may be stored, and is stale at once: the server is asked each time whether it is still right."
			}
		}
	}
	return "It may be stored."
}
