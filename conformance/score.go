package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Profile is the part of the suite that is asked of one sort of cache.
type Profile struct {
	// Name is "private", "shared" or "cdn".
	Name string
	asks func(Case) bool
}

// The profiles.
var (
	// Private is for a cache of one user: what only a shared cache is asked is
	// left out, what only browsers are asked is added.
	Private = Profile{"private", func(c Case) bool { return !sharedOnly(c) }}
	// Shared is for a cache between several users and the origin.
	Shared = Profile{"shared", func(c Case) bool { return !privateOnly(c) && !cdnOnly(c) }}
	// CDN is a shared cache that obeys CDN-Cache-Control (RFC 9213).
	CDN = Profile{"cdn", func(c Case) bool { return !privateOnly(c) }}
)

// Asks reports whether c is asked of a cache of this sort.
func (p Profile) Asks(c Case) bool { return p.asks(c) }

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

// An Outcome is what the suite calls the result of a case.
type Outcome string

// The outcomes. Only Pass and Yes count, and let the cases that depend on it
// count.
const (
	Pass           Outcome = "pass"
	Fail           Outcome = "fail"            // a required case
	Missed         Outcome = "missed"          // an optimal case
	Yes            Outcome = "yes"             // a check
	No             Outcome = "no"              // a check
	SetupFail      Outcome = "setup fail"      // it could not be tried
	Retried        Outcome = "retry"           // the origin was asked twice
	DependencyFail Outcome = "dependency fail" // what it builds upon did not pass
	Untested       Outcome = "untested"
)

// Passed reports whether the case counts.
func (o Outcome) Passed() bool { return o == Pass || o == Yes }

// Evaluate turns the verdicts of a run, by id, into outcomes by the suite's
// rules: a case counts only if all cases it depends on do.
func Evaluate(suites []Suite, verdicts map[string]Verdict) map[string]Outcome {
	cases := make(map[string]Case)
	for _, s := range suites {
		for _, c := range s.Tests {
			cases[c.ID] = c
		}
	}
	outcomes := make(map[string]Outcome, len(verdicts))
	var of func(id string, depth int) Outcome
	of = func(id string, depth int) Outcome {
		if o, ok := outcomes[id]; ok {
			return o
		}
		v, ok := verdicts[id]
		if !ok || depth > len(cases) { // absent, or a ring
			return Untested
		}
		c := cases[id]
		o := outcome(c.Kind, v)
		for _, d := range c.DependsOn {
			if !of(d, depth+1).Passed() {
				o = DependencyFail
				break
			}
		}
		outcomes[id] = o
		return o
	}
	for id := range verdicts {
		of(id, 0)
	}
	return outcomes
}

func outcome(k Kind, v Verdict) Outcome {
	switch {
	case v.Problem == "" && k == Check:
		return Yes
	case v.Problem == "":
		return Pass
	case v.Retry:
		return Retried
	case v.Setup:
		return SetupFail
	case k == Check:
		return No
	case k == Optimal:
		return Missed
	}
	return Fail
}

// A Score counts the cases of one section.
type Score struct {
	Section                     string
	Required, RequiredPassed    int
	Optimal, OptimalPassed      int
	Checks, ChecksAnsweredByYes int
}

// Scores counts the outcomes by section, the last one being the total.
func Scores(suites []Suite, outcomes map[string]Outcome) []Score {
	total := Score{Section: "total"}
	var scores []Score
	for _, s := range suites {
		score := Score{Section: s.ID}
		for _, c := range s.Tests {
			o, ok := outcomes[c.ID]
			if !ok {
				continue
			}
			for _, sum := range []*Score{&score, &total} {
				sum.add(c.Kind, o.Passed())
			}
		}
		scores = append(scores, score)
	}
	return append(scores, total)
}

func (s *Score) add(k Kind, passed bool) {
	n := 0
	if passed {
		n = 1
	}
	switch k {
	case Check:
		s.Checks++
		s.ChecksAnsweredByYes += n
	case Optimal:
		s.Optimal++
		s.OptimalPassed += n
	default:
		s.Required++
		s.RequiredPassed += n
	}
}

// WriteTable writes the scores of several profiles side by side, as a table in
// Markdown: required and optimal cases passed, and checks answered by yes.
func WriteTable(w io.Writer, names []string, scores ...[]Score) error {
	var b strings.Builder
	b.WriteString("| section |")
	for _, n := range names {
		fmt.Fprintf(&b, " %[1]s required | %[1]s optimal | %[1]s checks |", n)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|---:|---:|", len(names)) + "\n")
	cell := func(passed, of int) string {
		if of == 0 {
			return " |"
		}
		return fmt.Sprintf(" %d/%d |", passed, of)
	}
	for i := range scores[0] {
		b.WriteString("| " + scores[0][i].Section + " |")
		for _, s := range scores {
			b.WriteString(cell(s[i].RequiredPassed, s[i].Required))
			b.WriteString(cell(s[i].OptimalPassed, s[i].Optimal))
			b.WriteString(cell(s[i].ChecksAnsweredByYes, s[i].Checks))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Select returns the cases of suites that p asks, sections kept.
func (p Profile) Select(suites []Suite) []Suite {
	out := slices.Clone(suites)
	for i := range out {
		out[i].Tests = slices.DeleteFunc(slices.Clone(out[i].Tests), func(c Case) bool { return !p.asks(c) })
	}
	return out
}
