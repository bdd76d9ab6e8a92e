package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxNetrc is how long a netrc file may be.
const maxNetrc = 1 << 20

// Netrc returns the credentials of a netrc file: those of a machine for that
// host, as if they had been added to a [Keyring] with it as domain, and those of
// default, if there are any, for every other. If path is empty, the file is
// $NETRC or, without that, .netrc (on Windows _netrc, if there is no .netrc) in
// the home directory.
//
// The file is read once. It must be a regular file that only its owner can read
// or write, except on Windows.
//
// Beyond what ftp knew, values may be in double quotes with backslash escapes, as
// in curl, machines may have a port (host:port), and a word that begins with #
// starts a comment where a keyword could stand.
func Netrc(path string) (Source, error) {
	if path == "" {
		var err error
		if path, err = netrcPath(); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("auth: netrc: %s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("auth: netrc: %s is open to others: its mode is %#o, and should be 0600: %w",
			path, info.Mode().Perm(), fs.ErrPermission)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxNetrc+1))
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %w", err)
	}
	if len(b) > maxNetrc {
		return nil, fmt.Errorf("auth: netrc: %s is longer than %d bytes", path, maxNetrc)
	}
	n, err := parseNetrc(string(b))
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %s: %w", path, err)
	}
	return n.source(), nil
}

func netrcPath() (string, error) {
	if path := os.Getenv("NETRC"); path != "" {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("auth: netrc: %w", err)
	}
	path := filepath.Join(home, ".netrc")
	if runtime.GOOS == "windows" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			path = filepath.Join(home, "_netrc")
		}
	}
	return path, nil
}

// A netrcFile is what a netrc file says, in its order.
type netrcFile struct {
	machines []netrcMachine
}

type netrcMachine struct {
	name            string // empty: default
	login, password string
}

// source returns the credentials. What comes after default is never reached, as
// in every reader of such files.
func (n *netrcFile) source() Source {
	s := new(netrcSource)
	for _, m := range n.machines {
		if m.name == "" {
			_ = s.others.Add(m.login, m.password) // for every origin
			break
		}
		// A machine that is no host is for another program.
		_ = s.machines.Add(m.login, m.password, m.name)
	}
	return s
}

// netrcSource is a Keyring, and one with credentials for the origins that the
// first does not know.
type netrcSource struct {
	machines, others Keyring
}

// Credentials implements [Source].
func (s *netrcSource) Credentials(_ context.Context, t Target) ([]Credential, error) {
	return slices.Clone(s.find(roundtrip.OriginOf(&t.URL)).creds), nil
}

func (s *netrcSource) find(o roundtrip.Origin) *answer {
	if found := s.machines.find(o); len(found.creds) > 0 {
		return found
	}
	return s.others.find(o)
}

func (*netrcSource) problem() error { return nil }

// parseNetrc parses a netrc file.
func parseNetrc(s string) (*netrcFile, error) {
	p := netrcParser{rest: s, line: 1}
	n := new(netrcFile)
	var m *netrcMachine
	for {
		word, ok, err := p.next(true)
		if err != nil {
			return nil, err
		}
		if !ok {
			return n, nil
		}
		switch word {
		case "machine", "default":
			name := ""
			if word == "machine" {
				if name, err = p.value(word); err != nil {
					return nil, err
				}
				if name == "" {
					return nil, fmt.Errorf("line %d: empty machine", p.line)
				}
			}
			n.machines = append(n.machines, netrcMachine{name: name})
			m = &n.machines[len(n.machines)-1]
		case "login", "user", "password", "account":
			v, err := p.value(word)
			if err != nil {
				return nil, err
			}
			switch {
			case m == nil:
				return nil, fmt.Errorf("line %d: %s before a machine", p.line, word)
			case word == "password":
				m.password = v
			case word != "account":
				m.login = v
			}
		case "macdef":
			p.skipMacro()
		default:
			return nil, fmt.Errorf("line %d: unknown keyword", p.line)
		}
	}
}

// A netrcParser cuts a file into words. Its errors name lines and never values.
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
				return "", false, fmt.Errorf("line %d: quotation mark not closed", p.line)
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
