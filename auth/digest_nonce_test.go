package auth

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// TestPoolWaiters: who waits for a nonce gets a good one if there will be one.
func TestPoolWaiters(t *testing.T) {
	for _, row := range []struct {
		why  string
		then func(s *digestSession, p *noncePool, a *Request)
		want string
	}{
		{"the one that comes back", func(s *digestSession, _ *noncePool, a *Request) { s.kept(a) }, "n1"},
		{"nothing, once the last one is lost", func(s *digestSession, _ *noncePool, a *Request) { s.lost(a, false) }, ""},
		{"what takes its place", func(s *digestSession, _ *noncePool, a *Request) {
			h := map[string][]string{"Authentication-Info": {`nextnonce="n2"`}}
			if err := s.accepted(a, &reply{header: h, infoField: "Authentication-Info"}); err != nil {
				t.Error(err)
			}
		}, "n2"},
		{"what replaces a stale one", func(s *digestSession, _ *noncePool, a *Request) {
			s.lost(a, true)
			c := ParseChallenges([]string{`Digest realm="r", nonce="n3", stale=true`})[0]
			if err := s.renew(a, c, false); err != nil {
				t.Error(err)
			}
			s.kept(a)
		}, "n3"},
		{"not one that another has found to be stale", func(s *digestSession, p *noncePool, a *Request) {
			newer := p.arrive(&nonce{ch: a.proof.nonce.ch, value: "newer"})
			p.drop(newer, true)
			s.kept(a)
		}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := ParseChallenges([]string{`Digest realm="r", nonce="n1"`})[0]
			session, err := Digest{}.Session(&c, Credential{Username: "joe"})
			if err != nil {
				t.Fatal(err)
			}
			s := session.(*digestSession)
			a := &Request{Context: t.Context()}
			if !s.lease(a, false) {
				t.Fatal("no nonce")
			}
			got := make(chan string)
			go func() {
				value := ""
				if n := s.pool.await(t.Context()); n != nil {
					value = n.value
				}
				got <- value
			}()
			synctest.Wait()
			row.then(s, &s.pool, a)
			if value := <-got; value != row.want {
				t.Errorf("the waiter got %q, want %q: %s", value, row.want, row.why)
			}
		})
	}
}

// TestMemoryIsBounded has servers try to fill the memory.
func TestMemoryIsBounded(t *testing.T) {
	var m memory
	cred := Credential{Username: "joe", Password: "password"}
	long := strings.Repeat("x", 1<<10)
	bytes := func() (origins, longest, all int) {
		for _, s := range m.origins {
			for p := range s.paths {
				longest, all = max(longest, len(p)), all+len(p)
			}
			for p := range s.entered {
				longest, all = max(longest, len(p)), all+len(p)
			}
		}
		return len(m.origins), longest, all
	}
	for i := range 3000 {
		u := &url.URL{Scheme: "http", Host: "h" + strconv.Itoa(i%1500), Path: "/" + strconv.Itoa(i) + long + long}
		c := ParseChallenges([]string{`Digest realm="r", nonce="n", domain="/` + long + `/` + strconv.Itoa(i) + ` /short"`})[0]
		k := known{key: cred.key(), scheme: Digest{}, session: basicSession{}, strength: 30}
		m.learn(roundtrip.OriginOf(u), strconv.Itoa(i), u.Path, cred.key(), k, claims(&c, u, nil))
	}
	if origins, longest, _ := bytes(); origins > maxOrigins || longest > maxPath {
		t.Errorf("%d origins, the longest path has %d bytes", origins, longest)
	}
	o := roundtrip.Origin{Scheme: "http", Host: "one", Port: "80"}
	for i := range 3000 {
		realm := strconv.Itoa(i)
		m.raise(o, realm, 10)
		k := known{key: cred.key(), scheme: Basic{}, session: basicSession{}, strength: 10}
		m.learn(o, realm, "/"+realm, cred.key(), k, []claim{{o, "/" + realm + "/"}})
	}
	s := m.origins[o]
	if len(s.realms) > maxSpaces || len(s.paths) > maxPaths || len(s.entered) > maxPaths {
		t.Errorf("%d realms, %d paths, %d entered", len(s.realms), len(s.paths), len(s.entered))
	}
	// What is there already needs no room.
	before := len(s.paths)
	for range 100 {
		for p := range s.paths {
			s.claim(p, s.paths[p])
			break
		}
	}
	if len(s.paths) != before {
		t.Errorf("%d paths, want %d: nothing was added", len(s.paths), before)
	}
}
