package app

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// resident is how much of this process is in memory, in bytes: what it has written (the heap, the stacks), and the pages of its own
// program that it has used and that other processes could use as well (VmRSS of /proc/self/status).
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm") // pages: all, resident, shared, …
	if err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			var n int64
			if n, err = strconv.ParseInt(f[1], 10, 64); err == nil {
				return n * int64(os.Getpagesize()), nil
			}
		} else {
			err = fmt.Errorf("%.40q is not understood", text)
		}
	}
	return 0, fmt.Errorf("read memory in use: %w", err)
}

// giveBackCode gives back what of the program itself is in memory because it was needed for
// starting, or now and then, as for TLS: most of a program with many modules is never used by one that is a measurement
// device, and the kernel brings in 16 pages where one is used. What is needed again is read from the file, as it was the first time,
// or is still in the cache of the kernel. Only pages that nobody can have written to are given back.
func giveBackCode() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("give memory back: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("give memory back: %w", err)
	}
	for line := range bytes.Lines(maps) {
		// 00400000-06a2d000 r-xp 00000000 fe:01 1234   /usr/bin/wattwerk
		f := strings.Fields(string(line))
		if len(f) < 6 || f[5] != exe || len(f[1]) < 2 || f[1][1] != '-' {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, err := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err != nil || err2 != nil || b <= a {
			continue
		}
		if _, _, e := syscall.RawSyscall(syscall.SYS_MADVISE, uintptr(a), uintptr(b-a), syscall.MADV_DONTNEED); e != 0 {
			return fmt.Errorf("give memory back: %w", e)
		}
	}
	return nil
}
