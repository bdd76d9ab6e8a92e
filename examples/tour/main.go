// Command tour takes a client with all layers through the main job, on an origin
// that it starts itself on loopback ports, and prints what every layer decided
// and why.
//
//	go run ./examples/tour
//	go run ./examples/tour -url https://example.com/
//	go run ./examples/tour -page tour.html
//
// With -url the steps that only read are made against that server instead. With -page
// the timelines of all steps are also written into a file, as a page for a browser. The exit
// code is 0 only if each step ended as it says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/signal"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

func main() {
	target := flag.String("url", "", "make the reading steps against this `URL` instead of the embedded origin")
	page := flag.String("page", "", "write the timelines into this `FILE`, as a page for a browser")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	t := &tour{w: os.Stdout}
	err := t.take(ctx, *target)
	if *page != "" {
		err = errors.Join(err, t.write(*page))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		stop()
		os.Exit(1)
	}
}

// take makes the tour and returns an error if a step did not end as it says.
func (t *tour) take(ctx context.Context, target string) error {
	client, cache, keys, err := t.newClient()
	if err != nil {
		return err
	}
	defer func() {
		_ = cache.Close()
		client.CloseIdleConnections()
	}()
	t.client = client
	if target != "" {
		return t.run(ctx, reading(target))
	}
	o, err := startOrigin(t.listen)
	if err != nil {
		return err
	}
	defer o.close()
	if err := keys.Add("mufasa", "Circle of Life", o.host()); err != nil {
		return err
	}
	return t.run(ctx, o.steps())
}

// newClient builds the client of the tour: every layer, in the order that
// tripper documents, over a transport whose bytes are counted.
func (t *tour) newClient() (*http.Client, *caching.Transport, *auth.Keyring, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	keys := new(auth.Keyring)
	cache := &caching.Transport{}
	chain := tripper.Chain{
		&t.all, &t.step,
		&decompress.Transport{},
		&redirects.Transport{Jar: jar},
		&lostupdate.Transport{},
		cache,
		&compress.Transport{},
		&retry.Transport{Backoff: t.backoff},
		&auth.Transport{Credentials: keys},
	}
	if err := chain.Check(); err != nil {
		return nil, nil, nil, err
	}
	client := chain.Client(&transport.Transport{
		ConnectTimeout: 5 * time.Second,
		HeaderTimeout:  10 * time.Second,
		IdleTimeout:    10 * time.Second,
		Tune:           t.tune,
	})
	return client, cache, keys, nil
}
