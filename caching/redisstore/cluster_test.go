package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
	"github.com/tripper-go/tripper/internal/servers"
)

const masters = 3

// nodes are the servers of a cluster: node i+masters is the replica of node i.
type nodes struct {
	servers []*servers.Server
	clients []*redis.Client
	ids     []string
}

// What a node is given to answer in, in milliseconds, before another takes its place: as long as it is to, and so
// long that no node of a busy machine is taken for dead.
const failsSoon, failsLate = 2000, 60_000

// newCluster starts three masters and three replicas.
func newCluster(t *testing.T) *nodes {
	t.Helper()
	ctx := t.Context()
	c := new(nodes)
	var buses []int
	for i := range 2 * masters {
		bus := servers.Port(t)
		s := servers.Redis(t, fmt.Sprintf("cluster-enabled yes\ncluster-port %d\ncluster-node-timeout %d\n"+
			"cluster-replica-validity-factor 0\ncluster-allow-replica-migration no\nrepl-diskless-sync-delay 0\n", bus, failsSoon))
		node := client(t, s.Addr)
		c.servers, c.clients, buses = append(c.servers, s), append(c.clients, node), append(buses, bus)
		id, err := node.Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		c.ids = append(c.ids, id)
		commands := [][]any{{"CLUSTER", "SET-CONFIG-EPOCH", i + 1}}
		if i < masters {
			const slots = 16384
			commands = append(commands, []any{"CLUSTER", "ADDSLOTSRANGE", i * slots / masters, (i+1)*slots/masters - 1})
		}
		if i > 0 {
			commands = append(commands, []any{"CLUSTER", "MEET", "127.0.0.1", c.servers[0].Port, buses[0]})
		}
		for _, command := range commands {
			if err := node.Do(ctx, command...).Err(); err != nil {
				t.Fatal(command, err)
			}
		}
	}
	eventually(t, "all nodes know each other", func() bool { return c.all(ctx, "cluster_known_nodes:6", "cluster_state:ok") })
	for i := range masters {
		eventually(t, "a replica", func() bool { return c.clients[masters+i].ClusterReplicate(ctx, c.ids[i]).Err() == nil })
	}
	eventually(t, "replicas have what their masters have", func() bool {
		for _, replica := range c.clients[masters:] {
			if info := replica.Info(ctx, "replication").Val(); !strings.Contains(info, "master_link_status:up") {
				return false
			}
		}
		return c.all(ctx, "cluster_state:ok")
	})
	return c
}

// fails sets how soon a node that does not answer is taken for dead.
func (c *nodes) fails(t *testing.T, ms int) {
	t.Helper()
	for _, node := range c.clients {
		if err := node.ConfigSet(t.Context(), "cluster-node-timeout", strconv.Itoa(ms)).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// all reports whether all nodes that run say all of that about the cluster.
func (c *nodes) all(ctx context.Context, says ...string) bool {
	for i, node := range c.clients {
		if c.ids[i] == "" {
			continue
		}
		info := node.ClusterInfo(ctx).Val()
		for _, s := range says {
			if !strings.Contains(info, s) {
				return false
			}
		}
	}
	return true
}

// open returns a client of the cluster.
func (c *nodes) open(t *testing.T, obeys bool) *redis.ClusterClient {
	t.Helper()
	addrs := make([]string, len(c.servers))
	for i, s := range c.servers {
		addrs[i] = s.Addr
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: obeys})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !ok(); <-tick.C {
		if time.Since(began) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// TestCluster does everything once in a cluster, and then takes its masters away.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.fails(t, failsLate)
	t.Run("everything", func(t *testing.T) { everything(t, New(c.open(t, true), "{not a tag}")) })
	c.fails(t, failsSoon)
	t.Run("handover", func(t *testing.T) {
		failover(t, c, false, func(t *testing.T) {
			t.Helper()
			var asked time.Time
			eventually(t, "the replica has taken over", func() bool {
				if isMaster(t, c.clients[masters]) {
					return true
				}
				if time.Since(asked) > 6*time.Second { // Redis gives up after five
					asked = time.Now()
					_ = c.clients[masters].ClusterFailover(t.Context()).Err()
				}
				return false
			})
		})
	})
	t.Run("killed", func(t *testing.T) {
		failover(t, c, true, func(t *testing.T) {
			t.Helper()
			c.servers[1].Kill()
			c.ids[1] = ""
			eventually(t, "the replica has taken over", func() bool { return isMaster(t, c.clients[masters+1]) })
		})
	})
	t.Run("frozen", func(t *testing.T) {
		failover(t, c, true, func(t *testing.T) {
			t.Helper()
			c.servers[2].Freeze(t)
			c.ids[2] = ""
			eventually(t, "the replica has taken over", func() bool { return isMaster(t, c.clients[masters+2]) })
		})
	})
}

func isMaster(t *testing.T, node *redis.Client) bool {
	t.Helper()
	return strings.Contains(node.Info(t.Context(), "replication").Val(), "role:master")
}

// failover takes a master away while requests run.
func failover(t *testing.T, c *nodes, obeys bool, away func(t *testing.T)) {
	t.Helper()
	s := New(c.open(t, obeys), t.Name())
	w := sharedtest.New(t, s)
	var paths []string
	for i := range 12 { // some on each master
		paths = append(paths, sharedtest.Path(i, 1000+i*60_000))
		w.Stored(paths[i])
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var most time.Duration
	hits, all := 0, 0
	for i := range 2 {
		wg.Go(func() {
			for ; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				hit, took := w.Get(paths[i%len(paths)])
				mu.Lock()
				most = max(most, took)
				if all++; hit {
					hits++
				}
				mu.Unlock()
			}
		})
	}
	defer wg.Wait()
	defer sync.OnceFunc(func() { close(over) })()
	away(t)
	eventually(t, "the cluster is whole again", func() bool { return c.all(t.Context(), "cluster_state:ok") })
	for _, path := range paths {
		w.Stored(path)
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d requests, %d hits, %v at most", all, hits, most)
}

// everything does everything once with a Store.
func everything(t *testing.T, s *Store) {
	t.Helper()
	s.ChunkSize = 10_000
	const n = 20
	for i := range n {
		key := fmt.Sprint("key", i)
		entries.Put(t, s, key, entries.MetaForAnHour(1), entries.Body(100))
		entries.Put(t, s, key, entries.MetaForAnHour(2), entries.Body(i*i*500))
		if err := s.Update(t.Context(), key, entries.MetaForAnHour(2)); err != nil {
			t.Error(err)
		}
		if err := s.Update(t.Context(), key, entries.MetaForAnHour(1)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Update of what was replaced: %v", err)
		}
		if b, ok, err := entries.TryGet(s, key); !ok || err != nil || !bytes.Equal(b, entries.Body(i*i*500)) {
			t.Errorf("%s: %d bytes, %v, %v", key, len(b), ok, err)
		}
	}
	listed := 0
	for e, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
		if err := s.Delete(t.Context(), e.Key); err != nil {
			t.Error(err)
		}
	}
	if listed != n {
		t.Errorf("listed %d", listed)
	}
	for i := range n {
		if e, err := s.Get(t.Context(), fmt.Sprint("key", i)); e != nil || err != nil {
			t.Errorf("deleted: %v, %v", e, err)
		}
	}
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(entries.Body(35_000)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil { // removes what was written
		t.Error(err)
	}
	if b, err := s.Secret(t.Context()); err != nil || len(b) != 32 {
		t.Errorf("Secret: %v", err)
	}
	release, err := s.Acquire(t.Context(), "key")
	if err != nil || release == nil {
		t.Fatalf("Acquire: %v", err)
	}
	release()
	if again, err := s.Acquire(t.Context(), "key"); err != nil || again == nil {
		t.Errorf("Acquire after release: %v", err)
	}
}
