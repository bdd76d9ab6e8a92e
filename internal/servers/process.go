package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A Process is a program that a test has started.
type Process struct {
	cmd    *exec.Cmd
	output string
	done   chan struct{} // closed when the program has ended
	err    error         // of the program, once done is closed
	stop   sync.Once
}

// Start runs cmd until the end of the test and returns as soon as ready returns
// nil. The program gets a process group of its own, which is killed as a whole;
// it also dies with the test's process. If it ends or is not ready in time the
// test fails, showing what the program has printed.
func Start(t testing.TB, cmd *exec.Cmd, ready func() error) *Process {
	t.Helper()
	p, err := launch(cmd, filepath.Join(Dir(t), "output.log"), ready)
	if err != nil {
		t.Fatalf("servers: %s: %v\n%s", filepath.Base(cmd.Path), err, p.Output())
	}
	t.Cleanup(func() { p.finish(t) })
	return p
}

// launch runs cmd with its output going to a file: a pipe would be held open by
// every helper a server forks. If it fails nothing is left running.
func launch(cmd *exec.Cmd, output string, ready func() error) (*Process, error) {
	p := &Process{cmd: cmd, output: output, done: make(chan struct{})}
	f, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return p, err
	}
	defer f.Close()
	if err := f.Chmod(0o666); err != nil { // servers reopen it under another user
		return p, err
	}
	cmd.Stdout, cmd.Stderr = f, f
	isolate(cmd)
	// Until it executes, a forked child holds copies of our sockets: not while
	// reserve has one open.
	ports.Lock()
	err = cmd.Start()
	ports.Unlock()
	if err != nil {
		return p, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := p.await(ready); err != nil {
		p.Stop()
		return p, err
	}
	return p, nil
}

// await polls until the program is ready.
func (p *Process) await(ready func() error) error {
	deadline := time.NewTimer(startTime)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		select {
		case <-p.done:
			return fmt.Errorf("ended before it was ready: %w", orNil(p.err))
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("not ready after %v: %w", startTime, err)
		}
	}
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Output returns what the program has printed so far.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.output)
	if err != nil {
		return ""
	}
	const most = 32 << 10
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return string(b)
}

// Pid returns the process's id, which is also that of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the program and all it has started: politely first, so that it can
// give back what the system would keep for it, then not.
func (p *Process) Stop() {
	p.stop.Do(func() {
		terminate(p.cmd)
		timer := time.NewTimer(3 * time.Second)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
		kill(p.cmd)
		<-p.done
	})
}

// finish ends the program with its test.
func (p *Process) finish(t testing.TB) {
	p.Stop()
	if t.Failed() {
		t.Logf("output of %s:\n%s", filepath.Base(p.cmd.Path), p.Output())
	}
}

// Ports below the ephemeral range of Linux (32768) and of BSD (49152).
const firstPort, lastPort = 12000, 32000

var ports = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// reserve tries one port.
func reserve() (port int, release func(), ok bool) {
	ports.Lock()
	defer ports.Unlock()
	port = firstPort + rand.IntN(lastPort-firstPort)
	if ports.taken[port] || !lockPort(port) {
		return 0, nil, false
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		unlockPort(port)
		return 0, nil, false
	}
	if err := l.Close(); err != nil {
		unlockPort(port)
		return 0, nil, false
	}
	ports.taken[port] = true
	return port, func() {
		ports.Lock()
		defer ports.Unlock()
		delete(ports.taken, port)
		unlockPort(port)
	}, true
}
