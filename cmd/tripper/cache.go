package main

import (
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/httpfield"
)

const cacheUsage = `tripper cache looks into a store of HTTP responses.

  tripper cache ls STORE [URL]       list what is stored, or begins with URL
  tripper cache show STORE URL|@KEY  show what is stored for URL, or under KEY
  tripper cache why [STORE] URL      say what a request would get, and why
  tripper cache stats STORE          count what is stored
  tripper cache purge STORE URL      forget URL, for all users and variants

STORE is a directory of "tripper get --cache" or of package dirstore, or Redis:

  .cache   redis://host:6379/0?namespace=NAME   rediss://user@host:6379/0

A password that is missing beside a user is asked for. ls, show, why and stats
change nothing, and other programs may use the store meanwhile.

"tripper cache ls -h", and so on, list the options of each.

` + exitCodes

// cacheCommand is tripper cache.
func cacheCommand(ctx context.Context, c *console, args []string) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	commands := map[string]func(context.Context, *console, []string) error{
		"ls": listCommand, "show": showCommand, "why": whyCommand, "stats": statsCommand, "purge": purgeCommand,
	}
	switch run := commands[name]; {
	case run != nil:
		return run(ctx, c, args[1:])
	case name == "-h" || name == "--help" || name == "help":
		c.print("%s", cacheUsage)
		return nil
	case name == "":
		_, _ = io.WriteString(c.err, cacheUsage)
		return failf(exitUsage, "tripper cache takes a command: ls, show, why, stats or purge")
	}
	return failf(exitUsage, "there is no command cache %q, see tripper cache -h", name)
}

// cacheOptions are those of all commands that look into a store.
type cacheOptions struct {
	keyFile string
	reveal  bool
	shared  bool
}

func (o *cacheOptions) storeFlags(f *pflag.FlagSet) {
	f.StringVar(&o.keyFile, "key-file", "", "decrypt the directory with the secret in `file`")
}

func (o *cacheOptions) revealFlag(f *pflag.FlagSet, what string) {
	f.BoolVar(&o.reveal, "reveal", false, "show "+what+", which may be secrets")
}

// look opens a store to look into it, and a cache on it. done closes both.
func (o *cacheOptions) look(ctx context.Context, c *console, name string) (cache *caching.Transport, st *stock, done func(), err error) {
	st, err = openStore(ctx, c, name, o.keyFile, 0, modeRead)
	if err != nil {
		return nil, nil, nil, err
	}
	cache = &caching.Transport{Store: st.Store, StoreWait: redisWait, Shared: o.shared}
	return cache, st, func() { _, _ = cache.Close(), st.close() }, nil
}

// warnUnreadable tells of entries that could not be read, if there are some.
func warnUnreadable(c *console, st *stock) {
	if n := st.stats().Corrupt; n > 0 {
		c.warn("entries that cannot be read: %d. They are damaged, or encrypted (--key-file)", n)
	}
}

// showURL returns the URL of a stored response as it is shown: its query may hold secrets.
func (o *cacheOptions) showURL(text string) string {
	if path, _, found := strings.Cut(text, "?"); found && !o.reveal {
		text = path + "?[hidden]"
	}
	return strings.Map(visible, text)
}

// storedURL returns the URL of a target as caches write it (RFC 9110 §4.2.3): scheme and host in lower case, no
// default port, "/" for an empty path.
func storedURL(u *url.URL) string {
	host, port := httpfield.Lower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	scheme := httpfield.Lower(u.Scheme)
	if port != "" && !(scheme == "http" && port == "80") && !(scheme == "https" && port == "443") {
		host += ":" + port
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	return scheme + "://" + host + path
}

// storeFailure returns the failure of a store that was to be read.
func storeFailure(err error) error { return failf(exitRead, "the store: %w", err) }
