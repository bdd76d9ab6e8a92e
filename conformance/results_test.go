package conformance

import (
	"fmt"
	"io"
	"strings"
)

// results writes RESULTS.md: the scores, and what does not pass and why.
func results(w io.Writer, suites []Suite, runs []Run, failed map[string][]string, all []contestant) error {
	n := 0
	for _, s := range suites {
		n += len(s.Tests)
	}
	_, err := fmt.Fprintf(w, `# Results of http-tests/cache-tests

%d cases of the suite behind cache-tests.fyi (commit b55b8bd), run against caching.Transport in three settings:
*private* is the zero value with one user (Partition), *shared* has Shared set, and *cdn* has Targeted set to CDN-Cache-Control beside.
Required cases are rules; optimal ones are chances to reuse a response; checks are questions without a right answer.

Written by `+"`go test ./conformance -run TestConformance -update`"+`. The cases are not part of this repository: CACHE_TESTS names the file of
them, and that of all is what `+"`npm run export`"+` of http-tests/cache-tests writes.

`, n)
	if err != nil {
		return err
	}
	if err := WriteTable(w, suites, runs...); err != nil {
		return err
	}
	if err := beside(w, all); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		kind  kind
	}{
		{"Required cases that do not pass", required},
		{"Optimal cases that do not pass", optimal},
		{"Checks that are not answered by yes", check},
	} {
		if _, err := fmt.Fprintf(w, "\n## %s\n\n| case | in | outcome | why |\n|---|---|---|---|\n", part.title); err != nil {
			return err
		}
		for _, s := range suites {
			for _, c := range s.Tests {
				in := failed[c.ID]
				if len(in) == 0 || c.Kind != part.kind {
					continue
				}
				where := strings.Join(in, ", ")
				if len(in) == len(runs) {
					where = "all"
				}
				r := known[c.ID]
				if _, err := fmt.Fprintf(w, "| %s | %s | %s | %s |\n", c.ID, where, r.outcome, r.why); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
