package retry

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

var someHost = roundtrip.Origin{Scheme: "http", Host: "a.example", Port: "80"}

func TestBudget(t *testing.T) {
	t.Parallel()
	b := &Budget{Ratio: 0.5, Burst: 2}
	take := func(want bool, why string) {
		t.Helper()
		if got := b.withdraw(someHost); got != want {
			t.Errorf("withdraw = %v, want %v: %s", got, want, why)
		}
	}
	take(true, "the bucket is full at first")
	take(true, "Burst is 2")
	take(false, "it is empty")
	if !b.withdraw(roundtrip.Origin{Scheme: "http", Host: "b.example", Port: "80"}) {
		t.Error("another host has a bucket of its own")
	}
	b.deposit(someHost, b.ratio())
	take(false, "half a token is none")
	b.deposit(someHost, b.ratio())
	take(true, "two successes give one back")
	for range 100 {
		b.deposit(someHost, b.ratio())
	}
	take(true, "a full bucket")
	take(true, "holds Burst")
	take(false, "and no more, however many successes there were")
}

func TestBudgetSettings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		b     *Budget
		first int
		ratio float64
	}{
		{"zero is the default", &Budget{}, DefaultBurst, DefaultRatio},
		{"negative is none", &Budget{Ratio: -1, Burst: -1}, 0, 0},
	} {
		n := 0
		for n < 1000 && row.b.withdraw(someHost) {
			n++
		}
		if n != row.first || row.b.ratio() != row.ratio {
			t.Errorf("%d tokens and ratio %v, want %d and %v: %s", n, row.b.ratio(), row.first, row.ratio, row.why)
		}
	}
	var none *Budget
	if !none.withdraw(someHost) || !none.full() {
		t.Error("a nil budget must have any number of tokens")
	}
}

// TestBudgetRatio plays loads of every failure rate: what retries add stays under
// the ratio.
func TestBudgetRatio(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, .01, .05, .1, .15, .17, .2, .3, .5, .8, .99, 1} {
		const requests, attempts = 20_000, 10
		b := &Budget{Ratio: 0.2}
		rnd := rand.New(rand.NewPCG(1, 2))
		retries := 0
		for range requests {
			for n := 1; ; n++ {
				if rnd.Float64() >= rate {
					b.deposit(someHost, b.ratio())
					break
				}
				if n == attempts || !b.withdraw(someHost) {
					break
				}
				retries++
			}
		}
		if most := 0.2*requests + DefaultBurst; float64(retries) > most {
			t.Errorf("failure rate %v: %d retries for %d requests, want %v at most", rate, retries, requests, most)
		}
	}
}

func TestBudgetMemory(t *testing.T) {
	t.Parallel()
	b := &Budget{}
	for i := range 3 * maxHosts {
		host := roundtrip.Origin{Scheme: "http", Host: fmt.Sprint(i)}
		if !b.withdraw(host) {
			t.Fatal("a new host has tokens")
		}
		if len(b.taken) > maxHosts {
			t.Fatalf("%d hosts are remembered", len(b.taken))
		}
		if i%3 == 0 {
			for range 10 {
				b.deposit(host, 0.2)
			}
			if _, there := b.taken[host]; there {
				t.Fatal("a full bucket is remembered")
			}
		}
	}
	if b.full() {
		t.Error("buckets are not full, and full says they are")
	}
}

// TestBudgetInUse sends 100,000 requests to a server that fails half of them.
func TestBudgetInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 100_000
		calls := 0
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			calls++
			status := 200
			if calls%2 == 0 {
				status = 503
			}
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		})
		budget := &Budget{}
		a := (&Transport{Attempts: 4, Budget: budget}).Wrap(base)
		b := (&Transport{Attempts: 4, Budget: budget}).Wrap(base)
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		for i := range requests {
			rt := a
			if i%2 == 0 {
				rt = b
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		extra := float64(calls-requests) / requests
		t.Logf("%d requests, %d attempts: %.1f %% more", requests, calls, 100*extra)
		if most := DefaultRatio + DefaultBurst/float64(requests); extra > most || extra < 0.05 {
			t.Errorf("extra load %v, want %v at most, and retries at all", extra, most)
		}
	})
}
