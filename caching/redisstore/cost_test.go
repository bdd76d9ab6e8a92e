package redisstore

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
	"github.com/tripper-go/tripper/internal/servers"
)

// counted tells a counter of the commands of a client. Only a lease is given back in the background.
type counted struct {
	*sharedtest.TripCounter
	redis.Hook
}

func (c counted) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counted) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hello" { // connections are there
			return next(ctx, cmd)
		}
		args := cmd.Args()
		c.Ask(len(args) > 1 && args[1] == releaseScript.Hash())
		defer c.Answered()
		return next(ctx, cmd)
	}
}

func (c counted) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "client" {
			return next(ctx, cmds)
		}
		c.Ask(false)
		defer c.Answered()
		return next(ctx, cmds)
	}
}

// TestCost counts the round trips of requests through a caching.Transport, as the package comment tells them.
func TestCost(t *testing.T) {
	server := servers.Redis(t, "")
	client := patient(t, server.Addr, true)
	for _, s := range []*redis.Script{commitScript, updateScript, dropScript, findScript, releaseScript} {
		if err := s.Load(t.Context(), client).Err(); err != nil { // a server is told the scripts once
			t.Fatal(err)
		}
	}
	sharedtest.Trips(t, func(t *testing.T, c *sharedtest.TripCounter) store.Store {
		t.Helper()
		client := patient(t, server.Addr, true)
		client.AddHook(counted{TripCounter: c})
		return New(client, "")
	}, map[string]sharedtest.Cost{
		sharedtest.Hit:            {Trips: 1},
		sharedtest.HitOf60K:       {Trips: 1},
		sharedtest.HitOf1M:        {Trips: 2},
		sharedtest.HitOfUser:      {Trips: 1},
		sharedtest.HitOfVariant:   {Trips: 1},
		sharedtest.FirstOfVariant: {Trips: 2},
		sharedtest.NoStore:        {Trips: 1, Aside: 1},
		sharedtest.NoStoreAgain:   {Trips: 1},
		sharedtest.ErrorAgain:     {Trips: 1, Aside: 1},
		sharedtest.Miss:           {Trips: 2, Aside: 1},
		sharedtest.MissOfUser:     {Trips: 3, Aside: 1},
		sharedtest.Validation:     {Trips: 2, Aside: 1},
		sharedtest.ValidationOf60: {Trips: 2, Aside: 1},
		sharedtest.FirstOf304:     {Trips: 3, Aside: 1},
		sharedtest.Put:            {Trips: 1},
		sharedtest.MissAfterPut:   {Trips: 2, Aside: 1},
	})
}

// A 304 reads the body once at most, also if the process did not know that it is stale.
func TestValidationReadsOnce(t *testing.T) {
	server := servers.Redis(t, "")
	client := patient(t, server.Addr, true)
	sent := func() (n int) {
		for line := range strings.SplitSeq(client.Info(t.Context(), "stats").Val(), "\r\n") {
			if text, ok := strings.CutPrefix(line, "total_net_output_bytes:"); ok {
				n, _ = strconv.Atoi(text)
			}
		}
		return n
	}
	const size = 60 << 10
	origin := roundTripper(func(req *http.Request) (*http.Response, error) {
		h := http.Header{"Etag": {`"1"`}, "Cache-Control": {"max-age=0"}}
		if req.Header.Get("If-None-Match") != "" {
			return &http.Response{StatusCode: http.StatusNotModified, Header: h, Body: http.NoBody, Request: req}, nil
		}
		body := io.NopCloser(bytes.NewReader(entries.Body(size)))
		return &http.Response{StatusCode: http.StatusOK, Header: h, Body: body, ContentLength: size, Request: req}, nil
	})
	for range 3 { // processes
		cache := &caching.Transport{Store: New(patient(t, server.Addr, true), ""), Base: origin, StoreWait: time.Minute}
		for range 2 {
			before := sent()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := cache.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, entries.Body(size)) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			_ = resp.Body.Close()
			if n := sent() - before; n > size+size/4 {
				t.Errorf("%d bytes were read for a body of %d", n, size)
			}
		}
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
