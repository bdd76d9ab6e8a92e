package catalog

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// A promise is an invalidation, or a mark, that has returned.
type promise struct {
	process      int
	began, ended int
	mark         bool
}

// A trial is one order of one schedule.
type trial struct {
	*shop
	processes []*Catalog
	promised  []promise
	// across is true if an invalidation reaches the other processes too.
	across bool
	paths  bool // No-Vary-Search is obeyed
	finds  bool // the Store is a Finder
	open   bool // users may be given what is public
	wrong  []string
	stored int // responses
	// served are the responses that were served, by what they are.
	served map[string]bool
	users  map[int]bool // who have stored something
}

const (
	theTarget = "http://example.com/t"
	theOther  = "http://example.com/t?a=1" // of the same path
)

// query returns a query of process p, with the fields in lines, of which the first may be the
// user.
func (w *trial) query(ctx context.Context, p int, url string, lines ...string) *Query {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	req.Header = fieldsOf(lines)
	q := w.processes[p].Query(req)
	q.SetUser(req.Header.Get("Authorization"), w.open)
	return &q
}

// fetch gets a response from the origin, and stores it, after a look-up. Without again it does so
// only if nothing that is fresh is stored.
func (w *trial) fetch(ctx context.Context, q *Query, actor int, what string, again bool, lines ...string) {
	c, _ := q.Find(NoLease)
	if w.finds {
		if later, _, same := q.Again(); !same {
			c.Close()
			c = later
		}
	}
	c.Close()
	if c.F != nil && !c.F.MustRevalidate && !again {
		return
	}
	q.LookPath()
	asked := fmt.Sprint(w.now)
	w.step(actor)
	h := fieldsOf(append(lines, "Cache-Control: max-age=60", "Asked: "+asked, "Body: "+asked+what, "What: "+what))
	m := &store.Meta{
		ID: storekit.NewID(), URL: URLOf(q.Req), Status: 200, StatusText: "OK", Proto: "HTTP/1.1", Header: store.FieldsOf(h),
		RequestTime: time.Now(), ResponseTime: time.Now(),
	}
	var r Record
	q.Locate(&r, 200, h, slices.DeleteFunc([]string{h.Get("Vary")}, func(s string) bool { return s == "" }))
	f := q.Cat.SetRecord(m, nil, r, nil, false, nil)
	body, err := q.Cat.Calls.Create(ctx, r.Key, -1, nil)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(body, asked+what)
	if q.Commit(ctx, body, int64(len(asked+what)), m, f) == nil {
		w.stored++
	}
}

// confirm has the origin confirm what q finds, if that is what.
func (w *trial) confirm(ctx context.Context, q *Query, actor int, what string) {
	c, _ := q.Find(NoLease)
	if c.F == nil || c.Entry.Meta.Header.Get("What") != what {
		return
	}
	asked := fmt.Sprint(w.now)
	w.step(actor)
	m, r := c.Entry.Meta.Clone(), c.F.Record
	m.Header = entries.With(m.Header, "Asked", asked)
	q.Confirm(&r)
	q.Replace(ctx, c.F, c.Entry, m, q.Cat.SetRecord(m, nil, r, nil, false, &c.F.Facts))
}

// read looks up what is stored, and serves it.
func (w *trial) read(p int, q *Query) {
	began := w.now
	c, _ := q.Find(NoLease)
	if c.F == nil {
		return
	}
	h := c.Entry.Meta.Header
	asked, _ := strconv.Atoi(h.Get("Asked"))
	what := h.Get("What")
	if string(c.Entry.Bytes) != h.Get("Body") {
		w.wrong = append(w.wrong, fmt.Sprintf("%s has the body %s and the header of %s", what, c.Entry.Bytes, h.Get("Body")))
	}
	if w.served[what] = true; c.F.MustRevalidate {
		delete(w.served, what)
		w.served["stale "+what] = true
	}
	for _, i := range w.promised {
		if (i.process == p || w.across) && i.ended <= began && asked < i.began && !(i.mark && c.F.MustRevalidate) {
			w.wrong = append(w.wrong, fmt.Sprintf("process %d serves %s asked for at %d, invalidated at %d (mark: %v) by %d", p, what, asked, i.began, i.mark, i.process))
		}
	}
}

// invalidate makes a promise when it returns.
func (w *trial) invalidate(ctx context.Context, p int, c policy.Consequence) {
	began, process := w.now, w.processes[p]
	_ = w.query(ctx, p, theTarget).Invalidate(ctx, c)
	if process == w.processes[p] { // else the process has ended
		w.promised = append(w.promised, promise{p, began, w.now, c != policy.Changed})
	}
}

// ops are what actors do.
var ops = map[string]func(ctx context.Context, w *trial, p, actor int){
	"plain": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget), actor, "plain", false)
	},
	"reload": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget), actor, "plain", true)
	},
	"confirm": func(ctx context.Context, w *trial, p, actor int) {
		w.confirm(ctx, w.query(ctx, p, theTarget), actor, "plain")
	},
	"user": func(ctx context.Context, w *trial, p, actor int) {
		w.users[actor] = true
		who := fmt.Sprint("user ", actor)
		w.fetch(ctx, w.query(ctx, p, theTarget, "Authorization: "+who), actor, who, true)
	},
	"public": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget, fmt.Sprint("Authorization: user ", actor)), actor, "public", true, "Cache-Control: public")
	},
	"variant": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget, "Accept: x"), actor, "variant", true, "Vary: Accept")
	},
	"confirm the variant": func(ctx context.Context, w *trial, p, actor int) {
		w.confirm(ctx, w.query(ctx, p, theTarget, "Accept: x"), actor, "variant")
	},
	"share a": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget), actor, "shared by a", true, `No-Vary-Search: params=("a")`)
	},
	"share b": func(ctx context.Context, w *trial, p, actor int) {
		w.fetch(ctx, w.query(ctx, p, theTarget), actor, "shared by b", true, `No-Vary-Search: params=("a" "b")`)
	},
	"evict": func(ctx context.Context, w *trial, p, _ int) {
		delete(w.entries, w.query(ctx, p, theTarget).Target)
	},
	"evict the path": func(ctx context.Context, w *trial, p, _ int) {
		delete(w.entries, w.query(ctx, p, theTarget).pathKey())
	},
	"invalidate": func(ctx context.Context, w *trial, p, _ int) { w.invalidate(ctx, p, policy.Changed) },
	"mark":       func(ctx context.Context, w *trial, p, _ int) { w.invalidate(ctx, p, policy.OutcomeUnknown) },
	"restart": func(_ context.Context, w *trial, p, _ int) {
		w.processes[p] = w.process()
		w.promised = slices.DeleteFunc(w.promised, func(i promise) bool { return i.process == p })
	},
	"read": func(ctx context.Context, w *trial, p, _ int) {
		w.read(p, w.query(ctx, p, theTarget))
		w.read(p, w.query(ctx, p, theTarget, "Accept: x"))
		for _, i := range slices.Sorted(maps.Keys(w.users)) {
			w.read(p, w.query(ctx, p, theTarget, fmt.Sprint("Authorization: user ", i)))
		}
	},
	"read the path": func(ctx context.Context, w *trial, p, _ int) {
		w.read(p, w.query(ctx, p, theOther))
	},
}

// process returns a process that has just begun.
func (w *trial) process() *Catalog {
	cfg := &policy.Settings{SharePublic: w.open}
	var s store.Store = w.shop
	if w.finds {
		s = findingShop{w.shop}
	}
	return New(&Shared{}, cfg.Complete(), w.paths, guard.NewBackend(s), guard.Options{Wait: -1, Back: func() {}})
}

// A schedule is a few actors, each with what it does one after another. "2: plain" is done by
// the second process of three.
type schedule struct {
	why    string
	before string // what was done before
	actors []string
	// single is true if the Store belongs to one process.
	single bool
	fault  string // of the writes of the first actor
	reads  bool   // fail too
	// Without compare and swap invalidations need not reach other processes.
	paths  bool   // there are responses that URLs of a path share
	open   bool   // users may be given what is public
	limit  bool   // invalidations need not reach other processes
	then   string // what is done afterwards, when nothing fails
	stored int    // how many responses are stored at least, in every order
	served string // what is served in the end, in every order
	gone   string // what is not
}

func (row *schedule) try(choices []int, swaps, finds bool, pick func(int) int) (w *trial, taken, of []int) {
	w = &trial{shop: &shop{
		scheduler: &scheduler{waiting: make(map[int]chan struct{})}, promises: store.Promises{Swaps: swaps, OneProcess: row.single},
		entries: make(map[string]*store.Entry), reads: row.reads,
	}, across: swaps && !row.limit, paths: row.paths, finds: finds, open: row.open, served: make(map[string]bool), users: make(map[int]bool)}
	for range 3 {
		w.processes = append(w.processes, w.process())
	}
	actor := func(script string) func(int) {
		return func(i int) {
			for op := range strings.SplitSeq(script, ", ") {
				if op == "" {
					continue
				}
				p := 0
				if n, rest, ok := strings.Cut(op, ": "); ok {
					if op = rest; !row.single {
						p = int(n[0] - '1')
					}
				}
				w.step(i) // one at a time does what it does without the Store
				ops[op](context.WithValue(context.Background(), actorKey{}, i), w, p, i)
			}
		}
	}
	w.faulty = -1
	w.run([]func(int){actor(row.before)}, nil, first)
	w.stored = 0
	w.fault, w.faulty = row.fault, 0
	var actors []func(int)
	for _, a := range row.actors {
		actors = append(actors, actor(a))
	}
	if row.fault == "lands late" {
		actors = append(actors, func(i int) {
			for range 3 {
				w.step(i)
				if len(w.late) > 0 {
					_ = w.late[0]()
					w.late = w.late[1:]
				}
			}
		})
	}
	taken, of = w.run(actors, choices, pick)
	for _, do := range w.late {
		_ = do()
	}
	w.fault, w.reads, w.now = "", false, w.now+1
	w.run([]func(int){actor(row.then)}, nil, first)
	w.served = make(map[string]bool)
	w.run([]func(int){actor("read, 2: read, 3: read")}, nil, first)
	if row.paths {
		w.run([]func(int){actor("read the path, 2: read the path, 3: read the path")}, nil, first)
	}
	return w, taken, of
}

// What was invalidated is never served again, in every order of the steps of some actors.
func TestGenerations(t *testing.T) {
	for _, row := range []schedule{
		{why: "a plain commit that crosses an invalidation", actors: []string{"plain", "invalidate", "read"}},
		{why: "the same in a Store of one process", single: true, actors: []string{"plain", "invalidate", "read"}},
		{why: "two processes, one of which saw nothing", actors: []string{"2: plain", "invalidate", "read"}},
		{why: "a third response comes after the invalidation, on its record", actors: []string{"2: plain", "invalidate, plain, read"}},
		{why: "users who ask when nothing is stored are all stored", actors: []string{"user", "user"}, stored: 2, served: "user 0, user 1"},
		{why: "also those of two processes", actors: []string{"user", "2: user"}, stored: 2, served: "user 0, user 1"},
		{why: "a user's commit that crosses an invalidation", actors: []string{"user", "2: invalidate", "2: read"}},
		{why: "two users and an invalidation", actors: []string{"user", "user", "invalidate"}},
		{why: "a user and a plain response", actors: []string{"user", "2: plain", "invalidate"}},
		{why: "a plain response begins a generation, and the variant is gone", before: "variant", actors: []string{"plain", "2: confirm the variant", "2: invalidate"}},
		{why: "a 304 that crosses an invalidation", before: "plain", actors: []string{"confirm", "invalidate", "read"}},
		{why: "a 304 of another process", before: "plain", actors: []string{"2: confirm", "invalidate", "read"}},
		{why: "a 304 for a variant", before: "variant", actors: []string{"2: confirm the variant", "invalidate, variant", "read"}},
		{why: "a mark and a response that comes", before: "plain", actors: []string{"confirm", "mark", "read"}},
		{why: "a mark when nothing is stored", actors: []string{"2: plain", "mark", "read"}},
		{why: "a mark and a set that is added", before: "plain", actors: []string{"2: user", "mark", "read"}},
		{why: "two marks", before: "plain", actors: []string{"2: mark", "mark", "read"}},
		{why: "a mark and an invalidation", before: "variant", actors: []string{"2: mark", "invalidate", "confirm the variant"}},
		{why: "the record is forgotten", before: "plain, user", actors: []string{"evict", "invalidate", "user"}},
		{why: "the record is forgotten, and made again", before: "plain", actors: []string{"evict", "user", "invalidate, read"}},
		{why: "the record of the invalidation is forgotten in a Store of one process", single: true, before: "plain", actors: []string{"evict", "plain", "invalidate, read"}},
		{why: "an invalidation that fails", fault: "fails", limit: true, before: "plain, user, variant", actors: []string{"invalidate, read", "user", "read"}},
		{why: "an invalidation that fails, and reads too", fault: "fails", reads: true, limit: true, before: "plain, user, variant", actors: []string{"invalidate", "user, read"}},
		{why: "an invalidation that fails in a Store of one process", single: true, fault: "fails", before: "plain, user", actors: []string{"invalidate", "plain, read"}},
		{why: "a mark that fails", fault: "fails", limit: true, before: "plain, user", actors: []string{"mark", "user", "read"}},
		{why: "a failed PUT, and an outage: another process goes on with what is there", fault: "fails", limit: true, before: "2: plain", actors: []string{"invalidate, read", "2: confirm", "read"}},
		{why: "a commit that lands late", fault: "lands late", actors: []string{"plain", "invalidate, read"}, limit: true},
		{why: "a commit that lands late, in a Store of one process", single: true, fault: "lands late", actors: []string{"plain", "invalidate, plain, read"}},
		{why: "an invalidation that lands late", fault: "lands late", limit: true, before: "plain", actors: []string{"invalidate", "plain, read"}},
		{why: "a mark that lands late", fault: "lands late", limit: true, before: "plain", actors: []string{"mark", "invalidate, read"}},
		{why: "a shared response that crosses an invalidation", paths: true, actors: []string{"share a", "invalidate", "read the path"}},
		{why: "of another process", paths: true, actors: []string{"2: share a", "invalidate, read the path"}},
		{why: "the record of a path is lost and made again", paths: true, before: "share a", actors: []string{"evict the path", "share b", "invalidate, read the path"}},
		{why: "its No-Vary-Search is another, and then what it was", paths: true, before: "share a", actors: []string{"share b, invalidate", "2: share a"}},
		{why: "what is stored is served", before: "user, variant", actors: []string{"2: confirm the variant"}, served: "user 0, variant"},
		{why: "a plain response, and one of a user beside it", before: "plain", actors: []string{"user", "2: user"}, served: "plain, user 0, user 1"},
		{why: "a variant takes the place of the plain response", before: "plain, user", actors: []string{"variant"}, served: "variant, user 0", gone: "plain"},
		{why: "a plain response takes the place of variants", before: "variant", then: "plain", served: "plain", gone: "variant"},
		{why: "it does not end what users have", before: "user", then: "plain", served: "plain, user 0"},
		{why: "what is stored after an invalidation is served", before: "plain, user", actors: []string{"invalidate", "2: invalidate"}, then: "plain, user", served: "plain, user 0"},
		{why: "the same in a Store of one process", single: true, before: "plain, user", actors: []string{"invalidate", "invalidate"}, then: "plain, user", served: "plain, user 0"},
		{why: "what is stored after an invalidation that failed is served", fault: "fails", limit: true, before: "plain", actors: []string{"invalidate"}, then: "plain, user", served: "plain, user 0"},
		{why: "two processes whose invalidations failed use what either stores then", fault: "fails", limit: true, before: "plain", actors: []string{"invalidate, 2: invalidate"}, then: "plain, 2: plain, user", served: "plain, user 0"},
		{why: "a mark, and then a 304", before: "plain, variant, user", actors: []string{"mark"}, then: "confirm the variant", served: "variant, stale user 0"},
		{why: "a mark of the plain response, and then a 304", before: "plain, user", then: "mark, confirm", served: "plain, stale user 0"},
		{why: "marked", before: "plain, user", then: "mark", served: "stale plain, stale user 0"},
		{why: "a mark that lands late, in a Store of one process", single: true, fault: "lands late", before: "plain", actors: []string{"mark", "invalidate, read"}},
		{why: "two marks in a Store of one process", single: true, before: "plain", actors: []string{"mark", "mark", "confirm"}},
		{why: "who asked under a generation does not adopt another", before: "plain", limit: true, actors: []string{"2: user", "invalidate, evict, plain, read"}},
		{why: "sets that are added at once", before: "plain", actors: []string{"2: variant", "user"}, served: "user 1, variant"},
		{why: "a 304 and another response", before: "plain", actors: []string{"confirm", "2: reload", "2: reload"}},
		{why: "a record that cannot be read is not replaced", single: true, reads: true, before: "plain", actors: []string{"user"}, served: "plain"},
		{why: "another No-Vary-Search", paths: true, before: "share a", then: "share b", served: "shared by b", gone: "shared by a"},
		{why: "three processes, two of which saw nothing", actors: []string{"plain", "2: user", "3: invalidate, 3: plain"}},
		{why: "two processes invalidate, and a third fetches between", before: "3: plain", actors: []string{"3: reload", "invalidate, read", "2: invalidate, 2: plain"}},
		{why: "a mark, an invalidation and a 304 of three processes", before: "variant", actors: []string{"3: confirm the variant", "2: mark", "invalidate"}},
		{why: "one process fails to invalidate, and two others go on", fault: "fails", limit: true, before: "2: plain", actors: []string{"invalidate, read", "2: invalidate, 2: plain", "3: user"}},
		{why: "a user's own response and a public one", open: true, actors: []string{"public", "2: user", "invalidate, read"}},
		{why: "the public one is there", open: true, before: "public", actors: []string{"user", "2: confirm", "2: invalidate, 2: read"}},
		{why: "a public one takes the place of the user's own", open: true, before: "user", then: "public", served: "public"},
		{why: "a mark, and a public one that another user brings", open: true, before: "public, user", actors: []string{"public", "mark", "2: read"}},
		{why: "a process ends", before: "plain", limit: true, actors: []string{"plain", "restart", "invalidate, read"}},
		{why: "a process ends after an invalidation that failed", fault: "fails", limit: true, before: "plain", actors: []string{"invalidate", "restart, invalidate", "read"}},
	} {
		for _, kind := range []struct{ swaps, finds bool }{{true, false}, {true, true}, {false, false}} {
			swaps := kind.swaps
			t.Run(fmt.Sprintf("%s, compare and swap %v, several at once %v", row.why, swaps, kind.finds), func(t *testing.T) {
				n, most := 0, *orders
				if kind.finds {
					most /= 2
				}
				try := func(choices []int, pick func(int) int) (after []int) {
					synctest.Test(t, func(t *testing.T) {
						w, taken, of := row.try(choices, swaps, kind.finds, pick)
						if len(w.wrong) > 0 {
							t.Errorf("%v: %s", taken, strings.Join(w.wrong, "\n"))
						}
						if w.stored < row.stored {
							t.Errorf("%v: %d responses are stored, want %d", taken, w.stored, row.stored)
						}
						for what := range strings.SplitSeq(row.served, ", ") {
							if what != "" && !w.served[what] && (swaps || row.single) {
								t.Errorf("%v: %s is not served", taken, what)
							}
						}
						if w.served[row.gone] {
							t.Errorf("%v: %s is served", taken, row.gone)
						}
						after = next(taken, of)
					})
					n++
					return after
				}
				choices := []int{}
				for choices != nil && n < most && !t.Failed() {
					choices = try(choices, first)
				}
				r := rand.New(rand.NewPCG(1, 2))
				for range most { // there are more orders than were tried: some of the others
					if choices == nil || t.Failed() {
						break
					}
					try(nil, r.IntN)
				}
				t.Logf("%d orders", n)
			})
		}
	}
}

// orders bounds the orders of one schedule that are tried one after another, and then by chance.
var orders = flag.Int("orders", 100, "orders of one schedule")

// first chooses the first.
func first(int) int { return 0 }
