package conformance

import (
	"fmt"
	"io"

	"github.com/tripper-go/tripper/internal/bars"
)

// A contestant is a cache, and what it passes.
type contestant struct {
	name              string
	required, optimal share
	full              bool // of all 370 cases
}

// published is what caches pass of all 370 cases, by the suite's rules, as the README beside the
// cases says it. A proxy is asked what is asked of proxies and CDNs, a browser what is asked of
// browsers, a library what is asked of a private cache.
var published = []contestant{
	{"Chrome 143", share{114, 134}, share{55, 75}, true},
	{"best other Go library", share{125, 145}, share{67, 95}, true},
	{"Traffic Server 9.2", share{132, 160}, share{70, 105}, true},
	{"Squid 6.13", share{122, 160}, share{59, 105}, true},
	{"Varnish 7.7", share{119, 160}, share{45, 105}, true},
	{"nginx 1.28", share{99, 160}, share{59, 105}, true},
}

// counted returns the sums of a run.
func counted(name string, suites []Suite, verdicts map[string]Verdict) contestant {
	all := tallies(suites, evaluate(suites, verdicts))
	total := all[len(all)-1]
	return contestant{name: name, required: total.required, optimal: total.optimal}
}

const besideNote = "* of all 370 cases, see RESULTS.md; the others: of 300, by go test ./conformance"

// beside writes the section of RESULTS.md that compares.
func beside(w io.Writer, all []contestant) error {
	if _, err := fmt.Fprint(w, `
## Beside others

![Bars: the share of required and of optimal cases that tripper and other caches pass](results.svg)

The first rows are of the 300 cases, by `+"`go test ./conformance`"+`; httpcache is gregjones/httpcache, which passes 97/145 and 48/95 of all cases.
Those with an asterisk are of all 370 cases by the suite's rules, from the README beside the cases (July 2026); cache-tests.fyi shows what
browsers and proxies pass now. Proxies are asked more than browsers and libraries, and the sets differ: compare shares, and only roughly.

| cache | required | optimal |
|---|---:|---:|
`); err != nil {
		return err
	}
	for _, c := range all {
		if _, err := fmt.Fprintf(w, "| %s |%s%s\n", c.title(), c.required.cell(), c.optimal.cell()); err != nil {
			return err
		}
	}
	return nil
}

func (c contestant) title() string {
	if c.full {
		return c.name + " *"
	}
	return c.name
}

// picture returns the bars of all.
func picture(all []contestant) []byte {
	groups := []bars.Group{{Label: "rules that are kept (required cases)"}, {Label: "chances to reuse a response that are taken (optimal cases)"}}
	for _, c := range all {
		for i, s := range []share{c.required, c.optimal} {
			groups[i].Bars = append(groups[i].Bars, bars.Bar{
				Name: c.title() + ":", Text: fmt.Sprintf("%d of %d", s.passed, s.of), Value: 100 * float64(s.passed) / float64(s.of), Ours: !c.full && c.name != "httpcache",
			})
		}
	}
	return bars.Chart{
		Title: "Share of the cases of cache-tests.fyi that pass (longer is better)", About: "Bars of required and of optimal cases, for tripper and other caches. RESULTS.md has the numbers.",
		End: 100, Groups: groups, Note: besideNote,
	}.SVG()
}
