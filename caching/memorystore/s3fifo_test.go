package memorystore

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// s3script is a queue of strings to which the steps of a line are done: +a adds a of cost 1
// (+a3 of cost 3), a counts a hit, -a removes, =a3 changes the cost, ~a3 puts another a of cost 3 in its place, (5 reserves and )5
// releases. The hash of a value is its first letter.
type s3script struct {
	queue s3fifo[string]
	nodes map[string]*s3node[string]
	log   []string // what was dropped and refused
}

func newS3script(bound int64) *s3script {
	s := &s3script{nodes: make(map[string]*s3node[string])}
	s.queue.init(bound, func(n *s3node[string]) {
		s.log = append(s.log, n.value)
		delete(s.nodes, n.value)
	})
	return s
}

func (s *s3script) do(step string) {
	cost := int64(1)
	if i := strings.IndexAny(step, "0123456789"); i > 0 {
		cost, _ = strconv.ParseInt(step[i:], 10, 64)
		step = step[:i]
	}
	name := strings.TrimLeft(step, "+-=~()")
	switch n := s.nodes[name]; step[0] {
	case '+':
		n = &s3node[string]{value: name, hash: uint64(name[0]) | uint64(name[0])<<40, cost: cost}
		s.nodes[name] = n
		s.queue.add(n)
	case '-':
		s.queue.remove(n)
		delete(s.nodes, name)
	case '=':
		s.queue.resize(n, cost)
	case '~':
		s.nodes[name] = &s3node[string]{value: name, hash: n.hash, cost: cost}
		s.queue.replace(n, s.nodes[name])
	case '(':
		if !s.reserve(cost) {
			s.log = append(s.log, "refused")
		}
	case ')':
		s.queue.release(cost)
	default:
		n.hit()
	}
}

func (s *s3script) reserve(cost int64) bool {
	ok, tooMuch := s.queue.reserve(cost)
	if tooMuch {
		s.queue.fit()
	}
	return ok
}

// state is what the small and the main queue hold, oldest first.
func (s *s3script) state() string {
	list := func(q *s3queue[string]) string {
		var names []string
		for n := q.root.next; n != &q.root; n = n.next {
			names = append(names, n.value)
		}
		return strings.Join(names, " ")
	}
	return list(&s.queue.small) + "|" + list(&s.queue.main)
}

func TestS3FIFO(t *testing.T) {
	const fill = "+a +b +c +d +e +f +g +h +i +j "
	for _, row := range []struct{ why, steps, want, log string }{
		{"what fits stays", fill, "a b c d e f g h i j|", ""},
		{"what was added first and never hit goes first", fill + "+k +l", "c d e f g h i j k l|", "a b"},
		{"two hits are worth the main queue", fill + "a a +k", "c d e f g h i j k|a", "b"},
		{"one hit is not: many values are asked for twice in a row", fill + "a +k", "b c d e f g h i j k|", "a"},
		{"a value that was dropped and comes back is worth the main queue", fill + "+k +a", "c d e f g h i j k|a", "a b"},
		{"a removed value leaves no ghost", fill + "-a +a +k", "c d e f g h i j a k|", "b"},
		{"a ghost is worth one return", fill + "+k +a -a +a", "c d e f g h i j k a|", "a b"},
		{"a large new value does not drive out what is in use", "+a5 a a +b5 b b +c5", "|a b", "c"},
		{"unless it comes back; what was moved to the main queue has lost its hits", "+a5 a a +b5 b b +c5 +c5", "|b c", "c a"},
		{"a hit in the main queue is worth another round", "+a5 a a +b5 b b +c5 a +c5", "|c a", "c b"},
		{"a small queue of a tenth is left alone", "+a5 a a +b4 b b +c5 +d =b6", "d|b", "c a"},
		{"what costs more than the bound does not stay", "+a +b20", "|", "a b"},
		{"a value that grows drives out others", fill + "=j3", "c d e f g h i j|", "a b"},
		{"a value that shrinks makes room", fill + "=j0 +k", "a b c d e f g h i j k|", ""},
		{"what replaces a value has its place and its hits", fill + "b b ~b ~a +k +l", "d e f g h i j k l|b", "a c"},
		{"also in the main queue", fill + "b b +k +l ~b2", "e f g h i j k l|b", "a c d"},
		{"what is reserved drives out values", fill + "(3", "d e f g h i j|", "a b c"},
		{"what is reserved counts for what is added", "(8 +a +b +c", "b c|", "a"},
		{"what is reserved drives out no other reservation", "(6 (5", "|", "refused"},
		{"and all of the bound may be reserved", "(6 (4", "|", ""},
		{"what was released is free again", "(6 )6 (10", "|", ""},
	} {
		s := newS3script(10)
		for step := range strings.FieldsSeq(row.steps) {
			s.do(step)
		}
		if got, log := s.state(), strings.Join(s.log, " "); got != row.want || log != row.log {
			t.Errorf("%s: %q holds %q and logged %q, want %q and %q", row.why, row.steps, got, log, row.want, row.log)
		}
	}
}

func TestS3FIFOMaxUses(t *testing.T) {
	var n s3node[string]
	for range 100 {
		n.hit()
	}
	if got := n.uses.Load(); got != s3maxUses {
		t.Errorf("%d hits count, want %d: what was hit a thousand times must go one day", got, s3maxUses)
	}
}

// Whatever is done, the account is right, the bound is kept, and each node is dropped once.
func TestS3FIFOAccount(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not for secrets
		s := newS3script(1000)
		var reserved, added, removed int64
		for i := range 3000 {
			name := string(rune('A'+rnd.IntN(60))) + "x"
			n := s.nodes[name]
			switch op := rnd.IntN(10); {
			case n == nil && op < 8:
				s.do("+" + name + strconv.Itoa(rnd.IntN(200)))
				added++
			case n == nil && s.reserve(int64(op)*50):
				reserved += int64(op) * 50
			case n == nil || op == 0:
				s.queue.release(reserved)
				reserved = 0
			case op < 2:
				s.queue.remove(n)
				delete(s.nodes, name)
				removed++
			case op < 4:
				s.queue.resize(n, int64(rnd.IntN(300)))
			default:
				n.hit()
			}
			held := int64(0)
			for _, n := range s.nodes {
				held += n.cost
			}
			q := &s.queue
			if q.used.Load() != held+reserved || q.reserved.Load() != reserved || q.used.Load() > q.max || q.small.cost+q.main.cost != held ||
				q.entries() != int64(len(s.nodes)) || q.evicted != int64(len(s.log)) || added-removed-q.evicted != q.entries() {
				t.Fatalf("seed %d, step %d: %d used, %d reserved, %d held by %d nodes", seed, i, q.used.Load(), q.reserved.Load(), held, len(s.nodes))
			}
		}
		if len(s.log) == 0 {
			t.Errorf("seed %d: nothing was evicted", seed)
		}
	}
}

func TestS3FIFOGhosts(t *testing.T) {
	var p s3fifo[string]
	p.init(1<<40, func(*s3node[string]) {})
	if p.takeGhost(7) {
		t.Error("a ghost of nothing")
	}
	hash := func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 } //nolint:gosec // not negative
	found := func(n int) (found int) {
		for i := range n {
			p.addGhost(hash(i))
		}
		for i := range n {
			if p.takeGhost(hash(i)) {
				found++
			}
		}
		return found
	}
	for _, row := range []struct {
		why               string
		entries, add, min int
	}{
		{"with few entries some hundred ghosts are kept", 0, 100, 80},
		{"as many as there are entries, but for those that share a place", 5000, 5000, 2500},
		{"they are bounded however many entries there are", 1 << 22, 1 << 21, 1 << 18},
	} {
		p.main.len = row.entries
		if n := found(row.add); n < row.min {
			t.Errorf("%s: %d of %d ghosts were found", row.why, n, row.add)
		}
		if len(p.ghosts) > 1<<20 {
			t.Errorf("%s: there is room for %d", row.why, len(p.ghosts))
		}
	}
	if fingerprint(0) == 0 || fingerprint(1<<33) == fingerprint(1<<34) {
		t.Error("a fingerprint is zero, or does not tell hashes apart")
	}
}

// After all of many nodes were hit, a node that is dropped costs few others a move.
func TestS3FIFOChances(t *testing.T) {
	for _, row := range []struct {
		why  string
		main bool
	}{{"all are in the small queue", false}, {"all are in the main queue", true}} {
		const n = 10_000
		s := newS3script(n)
		nodes := make([]*s3node[string], n)
		for i := range nodes {
			nodes[i] = &s3node[string]{value: strconv.Itoa(i), hash: uint64(i), cost: 1} //nolint:gosec // not negative
			s.queue.add(nodes[i])
			if row.main {
				s.queue.small.unlink(nodes[i])
				s.queue.main.push(nodes[i])
			}
		}
		for _, n := range nodes {
			for range s3maxUses {
				n.hit()
			}
		}
		for i := range 10 {
			s.queue.add(&s3node[string]{value: "new", hash: 1 << 40, cost: 1})
			chances := 0
			for _, n := range nodes {
				if n.uses.Load() < s3maxUses {
					chances++
				}
			}
			if most := (i + 1) * (maxChances + 1); len(s.log) != i+1 || chances > most {
				t.Fatalf("%s: %d were dropped, %d had a second chance, want at most %d", row.why, len(s.log), chances, most)
			}
		}
	}
}
