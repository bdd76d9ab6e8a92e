// Package conformance runs the cases of http-tests/cache-tests, the suite behind
// cache-tests.fyi, against any [http.RoundTripper] that caches.
//
//	suites, err := conformance.Load(file)
//	origin := new(conformance.Origin)
//	run := conformance.Runner{Client: &caching.Transport{Base: origin}, Origin: origin}
//	verdict := run.Case(ctx, suites[0].Tests[0])
//
// # Behavior
//
// [Origin] is the suite's server in memory: a RoundTripper to put below the
// cache, and an [http.Handler] to put behind a socket. [Runner] is its client:
// it sends the requests of a case one after the other and holds what comes back,
// and what the origin saw, against the expectations. [Evaluate] then applies the
// suite's rules for dependencies and kinds to the verdicts of a whole run, and
// [Scores] adds them up by section.
//
// Run in a testing/synctest bubble, the pauses of three seconds between requests
// cost nothing.
//
// # Place in a chain
//
// None: it drives one RoundTripper from outside. The cases are data; they are
// not part of this module.
//
// # Limits
//
// One Origin serves one run. What the suite only asks of a browser, but for the
// cases marked browser_only, is not asked here.
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
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Kind        Kind      `json:"kind"`
	DependsOn   []string  `json:"depends_on"`
	BrowserOnly bool      `json:"browser_only"`
	CDNOnly     bool      `json:"cdn_only"`
	Requests    []Request `json:"requests"`
}

// Kind says what it means if a [Case] does not pass.
type Kind string

// The kinds of a case. An empty Kind in the data is Required.
const (
	Required Kind = "required" // the cache breaks a rule
	Optimal  Kind = "optimal"  // the cache misses a chance
	Check    Kind = "check"    // nothing: there is no right answer
)

// A Request is one step of a [Case]: what the client sends, what the origin
// answers, and what is expected to happen. The names are those of the data.
type Request struct {
	Method     string   `json:"request_method"`
	Headers    []Field  `json:"request_headers"`
	Body       string   `json:"request_body"`
	Cache      string   `json:"cache"`
	Filename   string   `json:"filename"`
	QueryArg   string   `json:"query_arg"`
	PauseAfter bool     `json:"pause_after"`
	MagicIMS   bool     `json:"magic_ims"`
	RFC850Date []string `json:"rfc850date"`

	ResponseStatus  *Status   `json:"response_status"`
	ResponseHeaders []Field   `json:"response_headers"`
	ResponseBody    Maybe     `json:"response_body"`
	ResponsePause   float64   `json:"response_pause"`
	Interim         []Interim `json:"interim_responses"`
	Disconnect      bool      `json:"disconnect"`
	MagicLocations  bool      `json:"magic_locations"`

	Setup               bool       `json:"setup"`
	SetupTests          []string   `json:"setup_tests"`
	CheckBody           *bool      `json:"check_body"`
	ExpectedType        string     `json:"expected_type"`
	ExpectedStatus      MaybeInt   `json:"expected_status"`
	ExpectedText        Maybe      `json:"expected_response_text"`
	ExpectedHeaders     []Field    `json:"expected_response_headers"`
	ExpectedMissing     []Field    `json:"expected_response_headers_missing"`
	ExpectedSent        []Field    `json:"expected_request_headers"`
	ExpectedSentMissing []Field    `json:"expected_request_headers_missing"`
	ExpectedMethod      string     `json:"expected_method"`
	ExpectedInterim     *[]Interim `json:"expected_interim_responses"`
}

// A Field is a header field of a [Request], or an expectation about one.
type Field struct {
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

// Status is a status code and reason phrase.
type Status struct {
	Code   int
	Phrase string
}

// An Interim is a 1xx response.
type Interim struct {
	Code   int
	Fields []Field
}

// Maybe is a string that can be absent, or present and null.
type Maybe struct {
	Present, Null bool
	Value         string
}

// MaybeInt is an integer that can be absent, or present and null.
type MaybeInt struct {
	Present, Null bool
	Value         int
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
				c.Kind = Required
			}
		}
	}
	return suites, nil
}

// UnmarshalJSON reads "name", [name, value], [name, value, compared] and
// [name, operator, operand].
func (f *Field) UnmarshalJSON(data []byte) error {
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

func (f *Field) setValue(v any) {
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
func (s *Status) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&s.Code, &s.Phrase})
}

// UnmarshalJSON reads [code] and [code, fields].
func (i *Interim) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&i.Code, &i.Fields})
}

// UnmarshalJSON notes that the value is there.
func (m *Maybe) UnmarshalJSON(data []byte) error {
	m.Present, m.Null = true, string(data) == "null"
	return json.Unmarshal(data, &m.Value)
}

// UnmarshalJSON notes that the value is there.
func (m *MaybeInt) UnmarshalJSON(data []byte) error {
	m.Present, m.Null = true, string(data) == "null"
	return json.Unmarshal(data, &m.Value)
}
