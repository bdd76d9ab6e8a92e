package benchmarks

import (
	"syscall"
	"time"
	"unsafe"
)

// processorTime is the processor time that all threads of this process have used.
func processorTime() time.Duration { return clock(2) } // CLOCK_PROCESS_CPUTIME_ID

// threadTime is the processor time that this thread has used.
func threadTime() time.Duration { return clock(3) } // CLOCK_THREAD_CPUTIME_ID

func clock(id uintptr) time.Duration {
	var t syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}
