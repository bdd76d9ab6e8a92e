package dirstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

const secretFile = "secret"

// Secret implements [store.Secreter]. The secret is in a file of its own, encrypted if entries are.
func (d *Store) Secret(ctx context.Context) ([]byte, error) {
	var err error
	for range 10 { // other processes may be making it at the same time
		if err := d.usable(ctx); err != nil {
			return nil, err
		}
		var secret []byte
		if secret, err = d.readSecret(); err == nil {
			return secret, nil
		}
		if d.opts.ReadOnly {
			break
		}
		if errors.Is(err, store.ErrCorrupt) {
			_ = d.root.Load().Remove(secretFile)
		} else if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if merr := d.makeSecret(); merr != nil && !errors.Is(merr, fs.ErrExist) {
			err = merr
			break
		}
	}
	return nil, fmt.Errorf("dirstore: secret: %w", err)
}

func (d *Store) readSecret() ([]byte, error) {
	f, err := d.root.Load().OpenFile(secretFile, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a reader
	b, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return nil, storekit.Corrupt("secret")
	}
	seal, err := d.secretSeal()
	if err != nil {
		return nil, err
	}
	secret, err := seal.openRecord([]byte(secretFile), b[4:])
	if err == nil && len(secret) != 32 {
		err = storekit.Corrupt("secret")
	}
	return secret, err
}

// makeSecret makes the file. If the file exists already, the error is [fs.ErrExist].
func (d *Store) makeSecret() error {
	secret := make([]byte, 32)
	rand.Read(secret) // documented never to fail
	seal, err := d.secretSeal()
	if err != nil {
		return err
	}
	b := seal.sealRecord(make([]byte, 4), []byte(secretFile), secret)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))

	root := d.root.Load()
	tmp := secretFile + "." + rand.Text() + tempSuffix
	defer root.Remove(tmp) //nolint:errcheck // then it is removed later
	if err := writeFile(root, tmp, b); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace a file that another process has just made.
	err = root.Link(tmp, secretFile)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return writeFile(root, secretFile, b) // the file system may have no links
	}
	return err
}

// writeFile makes a file. If a file of that name exists, the error is [fs.ErrExist].
func writeFile(root *os.Root, name string, b []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync() // losing it would lose what is stored for each user
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *Store) secretSeal() (sealer, error) {
	return newSealer(d.key, (*[16]byte)([]byte("caching secret 1")))
}
