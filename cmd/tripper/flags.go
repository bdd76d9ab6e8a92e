package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A command is a set of options in groups, as its help shows them.
type command struct {
	name   string
	args   string // what stands behind the options
	about  string
	groups []group
	after  string // what follows the options in the help
}

type group struct {
	title string
	flags *pflag.FlagSet
}

// group adds a group of options.
func (c *command) group(title string) *pflag.FlagSet {
	f := pflag.NewFlagSet(title, pflag.ContinueOnError)
	f.SortFlags = false
	c.groups = append(c.groups, group{title, f})
	return f
}

// parse sets the options from args and returns the arguments that are none. For -h it prints the help.
func (c *command) parse(con *console, args []string) ([]string, *pflag.FlagSet, error) {
	all := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	all.SetOutput(io.Discard)
	all.Usage = func() {}
	for _, g := range c.groups {
		all.AddFlagSet(g.flags)
	}
	err := all.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		con.print("%s", c.help())
		return nil, nil, errHelp
	}
	if err != nil {
		return nil, nil, failf(exitUsage, "%w; tripper %s -h lists the options that there are", err, c.name)
	}
	return all.Args(), all, nil
}

func (c *command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tripper %s [options] %s\n\n%s", c.name, c.args, c.about)
	for _, g := range c.groups {
		fmt.Fprintf(&b, "\n%s\n\n", g.title)
		g.flags.VisitAll(func(f *pflag.Flag) { helpOption(&b, f) })
	}
	if c.after != "" {
		b.WriteString("\n" + c.after)
	}
	return b.String()
}

// The columns of the help: what an option does begins at helpIndent.
const helpIndent, helpWidth = 26, 79

// helpOption prints an option and what it does.
func helpOption(b *strings.Builder, f *pflag.Flag) {
	value, _ := pflag.UnquoteUsage(f)
	usage := strings.ReplaceAll(f.Usage, "`"+value+"`", strings.ToUpper(value))
	left := "      --" + f.Name
	if f.Shorthand != "" {
		left = "  -" + f.Shorthand + ", --" + f.Name
	}
	if f.Value.Type() != "bool" {
		left += " " + strings.ToUpper(value)
	}
	line := fmt.Sprintf("%-*s", helpIndent-1, left)
	if len(left) >= helpIndent {
		b.WriteString(left + "\n")
		line = strings.Repeat(" ", helpIndent-1)
	}
	for word := range strings.FieldsSeq(usage) {
		if len(line)+1+len(word) > helpWidth {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", helpIndent-1)
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// wants returns an error unless there are from least to most arguments.
func (c *command) wants(args []string, least, most int) error {
	if len(args) < least || len(args) > most {
		return failf(exitUsage, "tripper %s takes %s and has %d arguments", c.name, c.args, len(args))
	}
	return nil
}

// A seconds is a time as curl's options have it, in seconds with a fraction.
type seconds time.Duration

func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text + "s")
	if err != nil || d < 0 || strings.Trim(text, "0123456789.") != "" {
		return errors.New("not a number of seconds")
	}
	*s = seconds(d)
	return nil
}

func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *seconds) Type() string { return "seconds" }

// A size is a number of bytes with a suffix of k, M, G or T.
type size int64

func (s *size) Set(text string) error {
	digits := strings.TrimRight(text, "kKmMgGtTiIbB")
	unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(text[len(digits):]), "b"), "i")
	shift, ok := map[string]uint{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > 1<<62>>shift {
		return errors.New("not a number of bytes, as in 500M")
	}
	*s = size(n << shift)
	return nil
}

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return bytesOf(int64(*s))
}

func (s *size) Type() string { return "size" }

// A part is one argument of -d or its kin, or of -F.
type part struct {
	kind string // the name of the option
	text string
}

// parts are the arguments of several options, in the order of the command line.
type parts struct {
	kind string
	list *[]part
}

func (p parts) Set(text string) error {
	*p.list = append(*p.list, part{p.kind, text})
	return nil
}

func (parts) String() string { return "" }
func (parts) Type() string   { return "data" }

// partsVar defines an option whose arguments are added to list.
func partsVar(f *pflag.FlagSet, list *[]part, name, short, usage string) {
	f.VarP(parts{name, list}, name, short, usage)
}
