package auth_test

import (
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestExchange compares Stats with the events of each of its rows.
func TestStats(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		creds auth.Source
		steps []rttest.Step
		want  auth.Stats
	}{
		{"a challenge is a round trip more, the next request needs none", keys("joe", "password"), []rttest.Step{rttest.Respond(basic), yes, yes}, auth.Stats{Signed: 2, Answered: 1}},
		{"a refusal is the end of the challenge", keys("joe", "wrong"), []rttest.Step{rttest.Respond(basic), rttest.Respond(basic), rttest.Respond(basic), rttest.Respond(basic)}, auth.Stats{Signed: 2, Answered: 2, Refused: 2, GivenUp: 2}},
		{"nobody can answer", nil, []rttest.Step{rttest.Respond(basic), rttest.Respond(basic)}, auth.Stats{GivenUp: 2}},
	} {
		c := &auth.Transport{Credentials: row.creds}
		rt := c.Wrap(rttest.NewScript(t, row.steps...))
		for range 2 {
			if _, _, err := get(t, rt, "http://example.com/a"); err != nil {
				t.Fatal(err)
			}
		}
		if diff := compare.Diff(row.want, c.Stats()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
	if s := new(auth.Proxy).Stats(); s != (auth.Stats{}) {
		t.Errorf("a Proxy that was not used: %+v", s)
	}
}
