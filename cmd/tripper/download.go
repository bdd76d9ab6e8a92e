package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// recordSuffix is added to the name of a file for that of its record.
const recordSuffix = ".tripper"

// A download is a file that is gone on with (-C -).
type download struct {
	plan
	name string
	url  string
	file *os.File // nil until there is one
}

// openDownload looks at the file, which may not exist.
func openDownload(name, url string) (*download, error) {
	d := &download{name: name, url: url}
	f, err := os.OpenFile(name, os.O_RDWR, 0) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fileFailure(exitWrite, err)
	}
	if err := d.hold(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	if b, err := readSmall(name + recordSuffix); err == nil {
		d.rec = parseRecord(b, url)
	}
	return d, nil
}

// hold takes f for the file of d. Another process that goes on with it has it locked.
func (d *download) hold(f *os.File) error {
	i, err := f.Stat()
	if err != nil {
		return fileFailure(exitWrite, err)
	}
	if !i.Mode().IsRegular() {
		return failf(exitUsage, "%s: -C - takes a regular file", d.name)
	}
	if !lockFile(f) {
		return failf(exitWrite, "%s: another process is writing it", d.name)
	}
	d.file, d.size = f, i.Size()
	return nil
}

// begin makes the file ready for the content of resp: for the rest, or for the whole.
func (d *download) begin(resp *http.Response, v verdict) error {
	if d.file == nil {
		f, err := os.OpenFile(d.name, os.O_RDWR|os.O_CREATE, 0o666) //nolint:gosec // as umask has it, like other programs
		if err != nil {
			return fileFailure(exitWrite, err)
		}
		if err := d.hold(f); err != nil {
			_ = f.Close()
			return err
		}
	}
	if v == takeWhole {
		// In this order: at no time is there a record beside bytes that it is not about.
		if err := d.forget(); err != nil {
			return err
		}
		if err := d.file.Truncate(0); err != nil {
			return fileFailure(exitWrite, err)
		}
		d.size = 0
		if d.rec = newRecord(d.url, resp); d.rec != nil {
			if err := d.rec.write(d.name + recordSuffix); err != nil {
				return err
			}
		}
	}
	if v == takeRest && d.rec.Length < 0 {
		r, _ := httpfield.ParseContentRange(resp.Header.Get("Content-Range")) // judge has
		d.rec.Length = r.Total
	}
	if _, err := d.file.Seek(d.size, io.SeekStart); err != nil {
		return fileFailure(exitWrite, err)
	}
	return nil
}

// finish is called when the body has come to its end. The file is then complete if it is as long as it should be.
func (d *download) finish() error {
	i, err := d.file.Stat()
	if err != nil {
		return fileFailure(exitWrite, err)
	}
	if d.rec != nil && d.rec.Length >= 0 && i.Size() != d.rec.Length {
		return failf(exitPartial, "%s: has %d bytes of %d, the same command goes on with it", d.name, i.Size(), d.rec.Length)
	}
	return d.forget()
}

// forget removes the record.
func (d *download) forget() error {
	if err := os.Remove(d.name + recordSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileFailure(exitWrite, err)
	}
	return nil
}

func (d *download) close() error {
	if d.file == nil {
		return nil
	}
	if err := d.file.Close(); err != nil {
		return fileFailure(exitWrite, err)
	}
	return nil
}

// write writes the record to a file, which others see whole or not at all.
func (r *record) write(name string) error {
	return replaceFile(name, func(w io.Writer) error { return json.NewEncoder(w).Encode(r) })
}

// writeWhole makes a file of what write writes, as replaceFile does. A name that is no regular file, such as a
// terminal, is written to directly.
func writeWhole(name string, write func(io.Writer) error) error {
	if i, serr := os.Stat(name); serr == nil && !i.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // the user names it
		if err != nil {
			return fileFailure(exitWrite, err)
		}
		return fileError(errors.Join(write(f), f.Close()))
	}
	return replaceFile(name, write)
}

// replaceFile makes a file of what write writes, in the place of one of that name. A failure leaves that as it was.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fileFailure(exitWrite, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fileError(err)
		}
	}()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func fileError(err error) error {
	if err == nil {
		return nil
	}
	return fileFailure(exitWrite, err)
}
