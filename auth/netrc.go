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

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxNetrc is how long a netrc file may be.
const maxNetrc = 1 << 20

// Netrc returns the credentials of a netrc file: those of a machine as if they had been
// added to a [Keyring] with it as domain, and those of default for all other hosts. If
// path is empty, the file is $NETRC or, if that is not set, .netrc in the home directory
// (on Windows _netrc if there is no .netrc).
//
// The file is read once. It must be a regular file that only its owner can read
// or write, except on Windows. The error names the file and the reason; it matches
// [fs.ErrNotExist] if there is none.
//
// Keywords may be in any case, values in double quotes with backslash escapes as in curl,
// and a machine may have a port (host:port). A word that begins with # where a keyword
// could stand starts a comment. Unknown keywords are skipped with their values, and so is
// a byte-order mark.
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
	src, err := readNetrc(f)
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %s: %w", path, err)
	}
	return src, nil
}

// ReadNetrc is like [Netrc] for the text that it reads from r.
func ReadNetrc(r io.Reader) (Source, error) {
	src, err := readNetrc(r)
	if err != nil {
		return nil, fmt.Errorf("auth: netrc: %w", err)
	}
	return src, nil
}

func readNetrc(r io.Reader) (Source, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxNetrc+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxNetrc {
		return nil, fmt.Errorf("longer than %d bytes", maxNetrc)
	}
	machines, err := parseNetrc(string(b))
	return netrcOf(machines), err
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

// A netrcMachine is an entry of a netrc file.
type netrcMachine struct {
	name            string // empty: default
	login, password string
}

// netrcOf returns the credentials of machines, in their order. Machines after default are never reached, as in other
// programs.
func netrcOf(machines []netrcMachine) Source {
	s := new(netrcSource)
	for _, m := range machines {
		if m.name == "" {
			_ = s.others.Add(m.login, m.password) // for every origin
			break
		}
		// A machine that is no host has no effect: another program may use it.
		_ = s.machines.Add(m.login, m.password, m.name)
	}
	return s
}

// A netrcSource has the credentials of machines, and those of default for origins that no
// machine covers.
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
