package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Profile is the part of the suite that applies to one kind of cache.
type Profile struct {
	// Name is "private", "shared" or "cdn".
	Name string
	asks func(Case) bool
}

// The profiles.
var (
	// Private is for a cache of one user: without the cases for shared caches, and with
	// those for browsers.
	Private = Profile{"private", func(c Case) bool { return !sharedOnly(c) }}
	// Shared is for a cache between several users and the origin.
	Shared = Profile{"shared", func(c Case) bool { return !privateOnly(c) && !cdnOnly(c) }}
	// CDN is a shared cache that obeys CDN-Cache-Control (RFC 9213).
	CDN = Profile{"cdn", func(c Case) bool { return !privateOnly(c) }}
)

func cdnOnly(c Case) bool { return c.CDNOnly || strings.HasPrefix(c.ID, "cdn-") }

func sharedOnly(c Case) bool {
	switch c.ID {
	case "freshness-s-maxage-shared", "cc-resp-private-shared", "stale-close-proxy-revalidate", "stale-close-s-maxage=2":
		return true
	}
	return strings.HasPrefix(c.ID, "freshness-max-age-s-maxage-shared-") ||
		strings.HasPrefix(c.ID, "other-authorization") || cdnOnly(c)
}

func privateOnly(c Case) bool {
	return c.BrowserOnly || c.ID == "cc-resp-private-private" ||
		strings.HasPrefix(c.ID, "freshness-max-age-s-maxage-private")
}

// An outcome is what the suite calls the result of a case.
type outcome string

// The outcomes. Only pass and yes count, and let the cases that depend on this one
// count.
const (
	pass           outcome = "pass"
	fail           outcome = "fail"            // a required case
	missed         outcome = "missed"          // an optimal case
	yes            outcome = "yes"             // a check
	no             outcome = "no"              // a check
	setupFail      outcome = "setup fail"      // it could not be tried
	retried        outcome = "retry"           // the origin was asked twice
	dependencyFail outcome = "dependency fail" // a case that it depends on did not pass
	untested       outcome = "untested"
)

// passed reports whether the case counts.
func (o outcome) passed() bool { return o == pass || o == yes }

// evaluate turns the verdicts of a run, by id, into outcomes by the suite's
// rules: a case counts only if all cases it depends on do.
func evaluate(suites []Suite, verdicts map[string]Verdict) map[string]outcome {
	cases := make(map[string]Case)
	for _, s := range suites {
		for _, c := range s.Tests {
			cases[c.ID] = c
		}
	}
	outcomes := make(map[string]outcome, len(verdicts))
	var of func(id string) outcome
	of = func(id string) outcome {
		v, ok := verdicts[id]
		if !ok {
			return untested
		}
		if outcomes[id] == "" {
			outcomes[id] = untested // ends a cycle of dependencies
			c := cases[id]
			o := outcomeOf(c.Kind, v)
			if slices.ContainsFunc(c.DependsOn, func(d string) bool { return !of(d).passed() }) {
				o = dependencyFail
			}
			outcomes[id] = o
		}
		return outcomes[id]
	}
	for id := range verdicts {
		of(id)
	}
	return outcomes
}

func outcomeOf(k kind, v Verdict) outcome {
	switch {
	case v.Problem == "" && k == check:
		return yes
	case v.Problem == "":
		return pass
	case v.Retry:
		return retried
	case v.Setup:
		return setupFail
	case k == check:
		return no
	case k == optimal:
		return missed
	}
	return fail
}

// A tally counts the cases of one section.
type tally struct{ required, optimal, checks share }

// share is a number of cases, and how many of them pass.
type share struct{ passed, of int }

// tallies counts the outcomes by section, the last one being the total.
func tallies(suites []Suite, outcomes map[string]outcome) []tally {
	all := make([]tally, len(suites)+1)
	for i, s := range suites {
		for _, c := range s.Tests {
			if o, ok := outcomes[c.ID]; ok {
				all[i].of(c.Kind).add(o)
				all[len(suites)].of(c.Kind).add(o)
			}
		}
	}
	return all
}

func (t *tally) of(k kind) *share {
	switch k {
	case check:
		return &t.checks
	case optimal:
		return &t.optimal
	}
	return &t.required
}

func (s *share) add(o outcome) {
	s.of++
	if o.passed() {
		s.passed++
	}
}

// cell returns s as a cell of a table.
func (s share) cell() string {
	if s.of == 0 {
		return " |"
	}
	return fmt.Sprintf(" %d/%d |", s.passed, s.of)
}

// A Run holds the verdicts of the cases of Profile, by the ID of the case.
type Run struct {
	Profile  Profile
	Verdicts map[string]Verdict
}

// WriteTable writes the scores of runs side by side, as a table in Markdown with a
// row for each of the suites and one for the total: required and optimal cases
// passed, and checks answered by yes. A case counts only if the cases it depends on
// pass. Cases without a verdict are left out.
func WriteTable(w io.Writer, suites []Suite, runs ...Run) error {
	var b strings.Builder
	b.WriteString("| section |")
	columns := make([][]tally, len(runs))
	for i, r := range runs {
		columns[i] = tallies(suites, evaluate(suites, r.Verdicts))
		fmt.Fprintf(&b, " %[1]s required | %[1]s optimal | %[1]s checks |", r.Profile.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|---:|---:|", len(runs)) + "\n")
	for i := range len(suites) + 1 {
		section := "total"
		if i < len(suites) {
			section = suites[i].ID
		}
		b.WriteString("| " + section + " |")
		for _, c := range columns {
			b.WriteString(c[i].required.cell() + c[i].optimal.cell() + c[i].checks.cell())
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Select returns suites with the cases of p only.
func (p Profile) Select(suites []Suite) []Suite {
	out := slices.Clone(suites)
	for i := range out {
		out[i].Tests = slices.DeleteFunc(slices.Clone(out[i].Tests), func(c Case) bool { return !p.asks(c) })
	}
	return out
}
