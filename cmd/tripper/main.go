// Command tripper gets a URL and shows what every layer did about it, and looks into caches.
//
//	tripper get -L --timeline https://example.com/
//	tripper cache ls .cache
//	tripper cache why --ask https://example.com/
//
// The options of get mean what they mean in curl. README.md has a transcript, and tripper -h,
// tripper get -h and tripper cache -h say the rest, with the exit codes.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	args := takeArgs()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, systemConsole(), args))
}

// run is the command with the arguments args, the first of which is not the name of the program. It returns
// the exit code.
func run(ctx context.Context, c *console, args []string) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch name {
	case "get":
		return report(ctx, c, getCommand(ctx, c, args[1:]))
	case "cache":
		return report(ctx, c, cacheCommand(ctx, c, args[1:]))
	case "-h", "--help", "help":
		c.print("%s", usage)
		return report(ctx, c, nil)
	case "-V", "--version", "version":
		c.print("tripper %s\n", version())
		return report(ctx, c, nil)
	case "":
		_, _ = io.WriteString(c.err, usage)
		return report(ctx, c, failf(exitUsage, "tripper takes a command: get or cache"))
	}
	return report(ctx, c, failf(exitUsage, "there is no command %q, see tripper -h", name))
}

// report prints why a command has failed, as curl does, and returns its exit code.
func report(ctx context.Context, c *console, err error) int {
	if err == nil && c.failed != nil {
		err = fileFailure(exitWrite, c.failed)
	}
	code, text := classify(err)
	if code != exitOK && ctx.Err() != nil { // whatever failed, it did since a signal came
		code, text = exitInterrupted, "interrupted"
	}
	if text != "" && !c.silent {
		c.warn("(%d) %s", code, text)
	}
	return code
}

// version returns the version of the module that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

const usage = `tripper gets a URL and shows what every layer did about it, and looks into
caches of HTTP responses.

  tripper get [options] URL       like curl: -X -H -d -o -u -L -x -I -v -C ...
  tripper cache ls STORE [URL]    list what is stored, or what begins with URL
  tripper cache show STORE URL    show a stored response: fields, age, freshness
  tripper cache why STORE URL     say what a request would get, and why
  tripper cache stats STORE       count what is stored, and what is fresh
  tripper cache purge STORE URL   forget URL

STORE is a directory, or redis://host:6379/0?namespace=NAME.

Why is a URL not cached?

  tripper cache why --ask URL     asks the server: may its response be stored?
  tripper cache why STORE URL     is what is stored used, and if not, why?

What happens to a request?

  tripper get --timeline URL      each decision of each layer, as text
  tripper get --page p.html URL   the same as a page for a browser
  tripper get --har f.har URL     the exchanges, for programs that read HAR

A download that goes on where it was stopped or killed:

  tripper get -C - -O https://example.com/big.iso

"tripper get -h" and "tripper cache -h" list the options and the exit codes.
`
