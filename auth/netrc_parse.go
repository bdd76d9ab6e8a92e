package auth

import (
	"fmt"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// parseNetrc parses a netrc file.
func parseNetrc(s string) (all []netrcMachine, err error) {
	p := netrcParser{rest: strings.TrimPrefix(s, "\ufeff"), line: 1}
	for {
		word, ok, err := p.next(true)
		if err != nil {
			return nil, err
		}
		if !ok {
			return all, nil
		}
		switch word = httpfield.Lower(word); word {
		case "machine":
			name, err := p.value(word)
			if err != nil {
				return nil, err
			}
			if name == "" {
				return nil, fmt.Errorf("line %d: empty machine", p.line)
			}
			all = append(all, netrcMachine{name: name})
		case "default":
			all = append(all, netrcMachine{})
		case "login", "user", "password":
			v, err := p.value(word)
			if err != nil {
				return nil, err
			}
			switch last := len(all) - 1; {
			case last < 0: // it belongs to no machine
			case word == "password":
				all[last].password = v
			default:
				all[last].login = v
			}
		case "macdef":
			p.skipMacro()
		default:
			p.skipValue()
		}
	}
}

// isNetrcKeyword reports whether word is a known keyword.
func isNetrcKeyword(word string) bool {
	switch httpfield.Lower(word) {
	case "machine", "default", "login", "user", "password", "account", "macdef":
		return true
	}
	return false
}

// A netrcParser splits a file into words. Its errors name lines and never values.
type netrcParser struct {
	rest string
	line int
}

// next returns the next word. Where a keyword is expected, comments are skipped.
func (p *netrcParser) next(keyword bool) (word string, ok bool, err error) {
	for {
		p.skipBlanks()
		if p.rest == "" {
			return "", false, nil
		}
		if !keyword || p.rest[0] != '#' {
			break
		}
		i := strings.IndexByte(p.rest, '\n')
		if i < 0 {
			i = len(p.rest)
		}
		p.rest = p.rest[i:]
	}
	if p.rest[0] == '"' {
		return p.quoted()
	}
	i := strings.IndexAny(p.rest, " \t\r\n")
	if i < 0 {
		i = len(p.rest)
	}
	word, p.rest = p.rest[:i], p.rest[i:]
	return word, true, nil
}

func (p *netrcParser) quoted() (word string, ok bool, err error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true, nil
		case '\n':
			return "", false, fmt.Errorf("line %d: quotation mark not closed", p.line)
		case '\\':
			if i++; i == len(p.rest) {
				continue
			}
			switch e := p.rest[i]; e {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(e)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false, fmt.Errorf("line %d: quotation mark not closed", p.line)
}

func (p *netrcParser) value(keyword string) (string, error) {
	v, ok, err := p.next(false)
	if err == nil && !ok {
		err = fmt.Errorf("line %d: %s without a value", p.line, keyword)
	}
	return v, err
}

// skipValue skips the value of an unknown keyword, if the next word is no keyword. A
// quotation mark in it need not be closed.
func (p *netrcParser) skipValue() {
	before := *p
	word, ok, err := p.next(true)
	switch {
	case err != nil:
		p.rest = p.rest[1:]
		_, _, _ = p.next(true)
	case ok && isNetrcKeyword(word):
		*p = before
	}
}

func (p *netrcParser) skipBlanks() {
	i := 0
	for ; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		default:
			p.rest = p.rest[i:]
			return
		}
	}
	p.rest = ""
}

// skipMacro skips the body of a macdef: it ends with an empty line.
func (p *netrcParser) skipMacro() {
	for p.rest != "" {
		line, rest, _ := strings.Cut(p.rest, "\n")
		p.rest = rest
		p.line++
		if strings.Trim(line, " \t\r") == "" {
			return
		}
	}
}
