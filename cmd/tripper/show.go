package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// showOptions are those of cache show.
type showOptions struct {
	cacheOptions
	content bool
}

func (o *showOptions) command() *command {
	cmd := &command{name: "cache show", args: "STORE URL|@KEY", about: `Shows the responses that are stored for URL, those of all users and all
variants, or the one whose key begins with KEY; "tripper cache ls" prints keys.
`}
	f := cmd.group("Options:")
	f.BoolVar(&o.content, "body", false, "print the body and nothing else, as it is stored")
	o.revealFlag(f, "queries, cookies and other fields")
	o.storeFlags(f)
	return cmd
}

// showCommand is tripper cache show.
func showCommand(ctx context.Context, c *console, args []string) error {
	var o showOptions
	cmd := o.command()
	rest, _, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	if err := cmd.wants(rest, 2, 2); err != nil {
		return err
	}
	match, err := matchStored(rest[1])
	if err != nil {
		return err
	}
	return o.show(ctx, c, rest[0], match)
}

// show shows the stored responses that match.
func (o *showOptions) show(ctx context.Context, c *console, name string, match func(caching.Stored) bool) error {
	cache, st, done, err := o.look(ctx, c, name)
	if err != nil {
		return err
	}
	defer done()
	n, now := 0, time.Now()
	var last caching.Stored
	for s, err := range cache.All(ctx) {
		if err != nil {
			return storeFailure(err)
		}
		if !match(s) {
			continue
		}
		last = s
		if n++; n > 1 && !o.content {
			c.print("\n")
		}
		if !o.content {
			c.print("%s", o.showEntry(s, now))
		}
	}
	warnUnreadable(c, st)
	switch {
	case n == 0:
		return failf(exitNotStored, "nothing is stored for it; tripper cache why says what a request would get")
	case o.content && n > 1:
		return failf(exitUsage, "%d responses are stored for it: name one by its key, see tripper cache show without --body", n)
	case o.content:
		return printBody(ctx, c, st.Store, last.Key)
	}
	return nil
}

// matchStored returns a function that reports whether a stored response is meant by an argument, a URL or
// the beginning of a key.
func matchStored(arg string) (func(caching.Stored) bool, error) {
	if key, found := strings.CutPrefix(arg, "@"); found {
		if len(key) < 4 {
			return nil, failf(exitUsage, "a key has at least 4 characters behind the @")
		}
		return func(s caching.Stored) bool { return strings.HasPrefix(s.Key, key) }, nil
	}
	t, err := parseTarget(arg)
	if err != nil {
		return nil, err
	}
	u := storedURL(t.url)
	return func(s caching.Stored) bool { return s.URL == u }, nil
}

// showEntry describes a stored response.
func (o *cacheOptions) showEntry(s caching.Stored, now time.Time) string {
	var b strings.Builder
	fresh := "for another " + timeOf(s.FreshUntil.Sub(now))
	if !s.FreshUntil.After(now) {
		fresh = "no, stale for " + timeOf(now.Sub(s.FreshUntil))
	}
	fmt.Fprintf(&b, "%s\n", o.showURL(s.URL))
	fmt.Fprintf(&b, "  key     @%s\n", s.Key)
	fmt.Fprintf(&b, "  status  %d %s\n", s.Status, http.StatusText(s.Status))
	fmt.Fprintf(&b, "  stored  %s, %s ago\n", s.Received.UTC().Format(time.DateTime+"Z"), timeOf(now.Sub(s.Received)))
	fmt.Fprintf(&b, "  fresh   %s\n", fresh)
	fmt.Fprintf(&b, "  size    %s\n", bytesOf(s.Size))
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		for _, v := range s.Header[name] {
			fmt.Fprintf(&b, "  %s: %s\n", name, o.showValue(name, v))
		}
	}
	return b.String()
}

// showValue returns the value of a field as it is shown.
func (o *cacheOptions) showValue(name, value string) string {
	if o.reveal {
		return strings.Map(visible, value)
	}
	switch {
	case strings.EqualFold(name, "Set-Cookie"), httpfield.CredentialLike(name):
		return "[hidden]"
	case name == "Location", name == "Content-Location", name == "Link":
		if i := strings.IndexAny(value, "?#"); i >= 0 { // a fragment may hold a token (RFC 6749 §4.2.2)
			value = value[:i+1] + "[hidden]"
		}
	}
	return strings.Map(visible, value)
}

// printBody prints the body of an entry.
func printBody(ctx context.Context, c *console, s store.Store, key string) error {
	e, err := s.Get(ctx, key)
	if err != nil {
		return storeFailure(err)
	}
	if e == nil {
		return failf(exitNotStored, "it has just been removed")
	}
	defer e.Close() //nolint:errcheck // a reader
	var r io.Reader = bytes.NewReader(e.Bytes)
	if e.Body != nil {
		r = io.NewSectionReader(e.Body, 0, e.Size)
	}
	if err := pump(&output{w: c.out, guard: c.outTerminal}, r, func(int) {}); err != nil {
		if _, own := errors.AsType[*failure](err); own {
			return err
		}
		return storeFailure(err)
	}
	return nil
}
