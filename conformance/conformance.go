// Package conformance runs the cases of http-tests/cache-tests, the suite behind
// cache-tests.fyi, against any [http.RoundTripper] that caches.
//
//	suites, err := conformance.Load(file)
//	origin := new(conformance.Origin)
//	runner := conformance.Runner{Client: &caching.Transport{Base: origin}, Origin: origin}
//	run := conformance.Run{Profile: conformance.Private, Verdicts: make(map[string]conformance.Verdict)}
//	for _, suite := range run.Profile.Select(suites) {
//		for _, c := range suite.Tests {
//			run.Verdicts[c.ID] = runner.Case(ctx, c)
//		}
//	}
//	err = conformance.WriteTable(os.Stdout, suites, run)
//
// # Behavior
//
// [Origin] is the suite's server in memory: a RoundTripper to put below the
// cache, and an [http.Handler] to put behind a socket. [Runner] is its client:
// it sends the requests of a case one after the other, and compares what comes back,
// and what the origin saw, with what the case expects. [WriteTable] applies the
// suite's rules for dependencies and kinds to the verdicts of whole runs, and
// counts the cases that pass by section.
//
// In a bubble of testing/synctest the pauses of three seconds between requests take no
// time.
//
// # Place in a chain
//
// It is no layer: it sends requests through the cache under test. The cases are not part
// of this module.
//
// # Limits
//
// One Origin serves one run. Parts of the suite that run in browsers only are left out,
// except for the cases marked browser_only.
package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A Suite is a section of the suite: cases about one subject.
type Suite struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Tests       []Case `json:"tests"`
}

// A Case is one test: requests sent one after the other to one URL of its own,
// and what is expected of each.
type Case struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	plan
}

// plan is what a [Case] does, and what its result means.
type plan struct {
	Kind        kind      `json:"kind"`
	DependsOn   []string  `json:"depends_on"`
	BrowserOnly bool      `json:"browser_only"`
	CDNOnly     bool      `json:"cdn_only"`
	Requests    []request `json:"requests"`
}

// kind is the meaning of a [Case] that does not pass.
type kind string

// The kinds of a case. One without a kind in the data is required.
const (
	required kind = "required" // the cache breaks a rule
	optimal  kind = "optimal"  // the cache misses a chance
	check    kind = "check"    // nothing: there is no right answer
)

// A request is one step of a [Case]: what the client sends, what the origin
// answers, and what is expected to happen. The names are those of the data.
type request struct {
	Method     string   `json:"request_method"`
	Headers    []field  `json:"request_headers"`
	Body       string   `json:"request_body"`
	Cache      string   `json:"cache"`
	Filename   string   `json:"filename"`
	QueryArg   string   `json:"query_arg"`
	PauseAfter bool     `json:"pause_after"`
	MagicIMS   bool     `json:"magic_ims"`
	RFC850Date []string `json:"rfc850date"`

	ResponseStatus  *statusLine      `json:"response_status"`
	ResponseHeaders []field          `json:"response_headers"`
	ResponseBody    optional[string] `json:"response_body"`
	ResponsePause   float64          `json:"response_pause"`
	Interim         []interim        `json:"interim_responses"`
	Disconnect      bool             `json:"disconnect"`
	MagicLocations  bool             `json:"magic_locations"`

	Setup               bool             `json:"setup"`
	SetupTests          []string         `json:"setup_tests"`
	CheckBody           *bool            `json:"check_body"`
	ExpectedType        string           `json:"expected_type"`
	ExpectedStatus      optional[int]    `json:"expected_status"`
	ExpectedText        optional[string] `json:"expected_response_text"`
	ExpectedHeaders     []field          `json:"expected_response_headers"`
	ExpectedMissing     []field          `json:"expected_response_headers_missing"`
	ExpectedSent        []field          `json:"expected_request_headers"`
	ExpectedSentMissing []field          `json:"expected_request_headers_missing"`
	ExpectedMethod      string           `json:"expected_method"`
	ExpectedInterim     *[]interim       `json:"expected_interim_responses"`
}

// A field is a header field of a [request], or an expectation about one.
type field struct {
	Name  string
	Value string
	// Bare is set if there is a name and no value.
	Bare bool
	// Offset is the value, if it is an integer.
	Offset *int64
	// Op is "=" or ">", if the value is to be compared in another way than by
	// being equal; Value is then the other field's name or the number.
	Op string
	// Unchecked is set if the client's copy of the field may differ.
	Unchecked bool
}

// statusLine is a status code and reason phrase.
type statusLine struct {
	Code   int
	Phrase string
}

// An interim is a 1xx response.
type interim struct {
	Code   int
	Fields []field
}

// optional is a value that can be absent, or present and null.
type optional[T any] struct {
	Present, Null bool
	Value         T
}

// Load reads the suites, in the form the suite's own "npm run export" writes.
func Load(r io.Reader) ([]Suite, error) {
	var suites []Suite
	if err := json.NewDecoder(r).Decode(&suites); err != nil {
		return nil, fmt.Errorf("conformance: cases: %w", err)
	}
	for i := range suites {
		for j := range suites[i].Tests {
			if c := &suites[i].Tests[j]; c.Kind == "" {
				c.Kind = required
			}
		}
	}
	return suites, nil
}

// UnmarshalJSON reads "name", [name, value], [name, value, compared] and
// [name, operator, operand].
func (f *field) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &f.Name) == nil {
		f.Bare = true
		return nil
	}
	var parts []any
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("field of %d parts", len(parts))
	}
	var ok bool
	if f.Name, ok = parts[0].(string); !ok {
		return errors.New("field without a name")
	}
	f.setValue(parts[1])
	if len(parts) == 2 {
		return nil
	}
	if compared, ok := parts[2].(bool); ok {
		f.Unchecked = !compared
		return nil
	}
	f.Op = f.Value
	f.setValue(parts[2])
	if f.Op != "=" && f.Op != ">" {
		return fmt.Errorf("operator %q", f.Op)
	}
	return nil
}

func (f *field) setValue(v any) {
	switch v := v.(type) {
	case float64:
		n := int64(v)
		f.Offset = &n
		f.Value = strconv.FormatInt(n, 10)
	case string:
		f.Value = latin1(v)
	default:
		f.Value = fmt.Sprint(v)
	}
}

// latin1 returns s in ISO 8859-1, in which the suite writes fields.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// UnmarshalJSON reads [code, phrase].
func (s *statusLine) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&s.Code, &s.Phrase})
}

// UnmarshalJSON reads [code] and [code, fields].
func (i *interim) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&i.Code, &i.Fields})
}

// UnmarshalJSON notes that the value is there.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	o.Present, o.Null = true, string(data) == "null"
	return json.Unmarshal(data, &o.Value)
}
