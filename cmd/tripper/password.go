package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/tripper-go/tripper/auth"
)

// credentials returns where passwords for t come from, nil if there are none. It asks for a password that is
// not in the options.
func (o *requestOptions) credentials(ctx context.Context, c *console, t target) (auth.Source, error) {
	var keys auth.Keyring
	some := false
	add := func(cred auth.Credential) error {
		some = true
		return keys.AddCredential(cred, t.origin())
	}
	user, password, complete := o.user, "", false
	switch {
	case user != "":
		user, password, complete = strings.Cut(user, ":")
	case t.hasUser && !o.usesNetrc():
		user, password, complete = t.user, t.password, true // nobody is asked, as in curl
	}
	if user != "" || complete {
		if !complete {
			var err error
			if password, err = c.ask(ctx, "Password of "+user+" at "+t.url.Host+": "); err != nil {
				return nil, failf(exitUsage, "the password: %w", err)
			}
		}
		if err := add(auth.Credential{Username: user, Password: password}); err != nil {
			return nil, err
		}
	}
	if o.bearer != "" {
		if err := add(auth.Credential{Token: o.bearer}); err != nil {
			return nil, err
		}
	}
	if o.usesNetrc() && o.user == "" && o.bearer == "" {
		src, err := auth.Netrc(o.netrcFile)
		switch {
		case err == nil:
			return src, nil
		case o.netrcFile != "" || !errors.Is(err, fs.ErrNotExist):
			return nil, failf(exitRead, "%w", err)
		}
	}
	if !some {
		return nil, nil
	}
	return &keys, nil
}

func (o *requestOptions) usesNetrc() bool { return o.netrc || o.netrcFile != "" }

// schemes returns the schemes that passwords are used with, and whether they are sent before the server asks for
// them. curl does so unless it is told otherwise, and there are services that never ask.
func (o *requestOptions) schemes() (schemes []auth.Scheme, preemptive bool) {
	switch {
	case o.bearer != "":
		return []auth.Scheme{auth.Bearer{}}, true
	case o.anyauth:
		return nil, false
	case o.digest:
		return []auth.Scheme{auth.Digest{}}, false
	}
	return []auth.Scheme{auth.Basic{}}, true
}
