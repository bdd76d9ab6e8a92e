package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/redirects"
)

// getCommand is tripper get.
func getCommand(ctx context.Context, c *console, args []string) error {
	var o getOptions
	cmd := o.command()
	rest, set, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	c.silent = o.silent && !o.errors
	o.proxySet = set.Changed("proxy")
	if err := cmd.wants(rest, 1, 1); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	t, err := parseTarget(rest[0])
	if err != nil {
		return err
	}
	if o.remoteName {
		if o.output, err = remoteName(t.url); err != nil {
			return err
		}
	}
	return o.get(ctx, c, t)
}

// check returns an error if options contradict each other.
func (o *getOptions) check() error {
	offset, err := strconv.ParseInt(o.resume, 10, 64)
	switch {
	case o.remoteName && o.output != "":
		return failf(exitUsage, "-o and -O name two files")
	case o.resume == "":
		return nil
	case o.resume != "-" && (err != nil || offset < 0):
		return failf(exitUsage, "-C takes a number of bytes, or -")
	case o.span != "":
		return failf(exitUsage, "-C and -r ask for two parts")
	case o.compressed:
		return failf(exitUsage, "-C goes on with what was sent, and --compressed writes what it was decoded to")
	case o.headOnly, o.upload != "", len(o.form) > 0, len(o.data) > 0 && !o.asGet:
		return failf(exitUsage, "-C is for downloads")
	case o.include:
		return failf(exitUsage, "-C goes on with content, and -i writes the header before it")
	case o.resume == "-" && !o.remoteName && (o.output == "" || o.output == "-"):
		return failf(exitUsage, "-C - needs a file to go on with, by -o or -O")
	}
	return nil
}

// get sends the request, takes the response, and writes what was recorded meanwhile.
func (o *getOptions) get(ctx context.Context, c *console, t target) (err error) {
	if limit := o.limit(); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if o.location {
		n := o.maxRedirects
		if n < 0 {
			n = 1 << 30
		}
		ctx = redirects.WithMax(ctx, n)
	}
	var st *stock
	if o.cache != "" {
		if st, err = openStore(ctx, c, o.cache, o.keyFile, int64(o.cacheSize), modeUse); err != nil {
			return err
		}
	}
	s, err := o.session(ctx, c, t, st)
	if err != nil {
		return err
	}
	err = o.transfer(ctx, c, t, s)
	if cerr := s.close(); cerr != nil && err == nil {
		err = failf(exitWrite, "the cache: %w", cerr)
	}
	if rerr := o.record(c, s); err == nil {
		err = rerr
	}
	return err
}

// transfer sends the request and takes the response.
func (o *getOptions) transfer(ctx context.Context, c *console, t target, s *session) (err error) {
	var d *download
	if o.resume == "-" {
		if d, err = openDownload(o.output, t.url.String()); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.close()) }()
		if d.complete() {
			o.tell(c, "%s is complete", o.output)
			return d.finish()
		}
	}
	for {
		req, err := o.request(ctx, t, c.in)
		if err != nil {
			return err
		}
		switch {
		case d != nil:
			d.fields(req.Header)
		case o.resume != "":
			req.Header.Set("Range", "bytes="+o.resume+"-")
		}
		resp, err := s.client.Do(req)
		if err != nil {
			return err
		}
		if d == nil {
			return errors.Join(o.receive(c, resp), resp.Body.Close())
		}
		again, err := o.goOn(c, d, resp)
		if err = errors.Join(err, resp.Body.Close()); err != nil || !again {
			return err
		}
	}
}

// receive takes the response of a request that goes on with no file.
func (o *getOptions) receive(c *console, resp *http.Response) (err error) {
	failed := resp.StatusCode >= 400 && (o.fail || o.failBody)
	if err := o.dumpHeader(c, resp); err != nil {
		return err
	}
	if failed && !o.failBody {
		return statusFailure(resp)
	}
	if offset, _ := strconv.ParseInt(o.resume, 10, 64); offset > 0 {
		if _, why := (plan{size: offset, rec: &record{Length: -1}}).judge(resp.StatusCode, resp.Header); resp.StatusCode != http.StatusPartialContent || why != "" {
			return failf(exitRange, "the server does not begin at byte %d", offset)
		}
	}
	out, err := o.open(c, resp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	if o.include || o.headOnly {
		if err := out.header(resp); err != nil {
			return err
		}
	}
	if !o.headOnly {
		if err := o.copy(c, out, resp, out.offset, lengthFrom(out.offset, resp)); err != nil {
			return err
		}
	}
	if failed {
		return statusFailure(resp)
	}
	return nil
}

// goOn takes the response of a request that goes on with the file of d. again is true if the whole is to be
// asked for.
func (o *getOptions) goOn(c *console, d *download, resp *http.Response) (again bool, err error) {
	if err := o.dumpHeader(c, resp); err != nil {
		return false, err
	}
	v, why := d.judge(resp.StatusCode, resp.Header)
	if why != "" {
		o.tell(c, "%s: %s; beginning again", o.output, why)
	}
	switch v {
	case takeNone:
		o.tell(c, "%s is complete", o.output)
		return false, d.finish()
	case askWhole:
		if d.size == 0 {
			return false, failf(exitRange, "the server sends no content that can be gone on with")
		}
		d.plan = plan{}
		return true, nil
	case refuse:
		if o.fail || o.failBody || d.size == 0 {
			return false, statusFailure(resp)
		}
		return false, failf(exitRange, "the server answered %d; %s is as it was", resp.StatusCode, o.output)
	case takeRest:
		o.tell(c, "%s: going on at %s", o.output, bytesOf(d.size))
	}
	if err := d.begin(resp, v); err != nil {
		return false, err
	}
	if d.rec == nil {
		o.tell(c, "%s: if this is stopped it has to begin again, the server gives no strong validator", o.output)
	}
	total := int64(-1)
	if d.rec != nil {
		total = d.rec.Length
	}
	if total < 0 {
		total = lengthFrom(d.size, resp)
	}
	if err := o.copy(c, &output{w: d.file}, resp, d.size, total); err != nil {
		return false, err
	}
	return false, d.finish()
}

// tell prints what a person should know, unless -s is given.
func (o *getOptions) tell(c *console, format string, args ...any) {
	if !o.silent {
		c.warn(format, args...)
	}
}

// copy copies the body of resp, and shows how far it has come.
func (o *getOptions) copy(c *console, out *output, resp *http.Response, offset, total int64) (err error) {
	var m meter
	if !o.silent && !o.noMeter && !(o.verbose && c.errTerminal) && (o.output != "" && o.output != "-" || !c.outTerminal) && resp.Request.Method != http.MethodHead {
		name := o.output
		if name == "-" {
			name = ""
		}
		m.start(c.err, c.errTerminal, name, offset, total)
	}
	defer func() { m.end(err == nil) }()
	return pump(out, resp.Body, m.add)
}

// pump copies r to w, and tells of each piece. An error of w is a failure of the command, that of r is as it was.
func pump(w io.Writer, r io.Reader, tell func(n int)) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return fileFailure(exitWrite, err)
			}
			tell(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lengthFrom returns the length of the whole content of which the body of resp is what begins at offset, -1 if it is
// not known.
func lengthFrom(offset int64, resp *http.Response) int64 {
	if resp.ContentLength < 0 {
		return -1
	}
	return offset + resp.ContentLength
}

func statusFailure(resp *http.Response) error {
	return failf(exitStatus, "the server answered %d %s", resp.StatusCode, strings.Map(visible, http.StatusText(resp.StatusCode)))
}

// record writes what shows what has happened. The cache has been closed before, so that what it stored is told too.
func (o *getOptions) record(c *console, s *session) error {
	var errs []error
	if s.har != nil {
		errs = append(errs, writeWhole(o.har, func(w io.Writer) error {
			_, err := s.har.WriteTo(w)
			return err
		}))
	}
	if o.page != "" {
		errs = append(errs, writeWhole(o.page, s.line.WritePage))
	}
	if o.timeline {
		w := c.err
		if c.errTerminal {
			w = &printable{w}
		}
		_, err := s.line.WriteTo(w)
		errs = append(errs, fileError(err))
	}
	return errors.Join(errs...)
}
