package app

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// giveBackCode gives back what of the program itself is in memory because it was needed for
// starting: most of a program with many modules is never used by one that is a measurement
// device. What is needed again is read from the file, as it was the first time. Only pages that nobody can have
// written to are given back.
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
