package check

import (
	"path/filepath"
	"strings"
	"testing"
)

const deviceUnit = "deploy/samples/household/wattwerk-device.service"

// TestDeviceUnit: the unit of a measurement device is one for systemd, starts the launcher again
// whatever ends it, and lets it reach serial ports and little else.
func TestDeviceUnit(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	text := read(t, deviceUnit)
	plain := strings.ReplaceAll(text, "/usr/bin/wattwerk", write(t, filepath.Join(t.TempDir(), "wattwerk"), "#!/bin/sh\n"))
	for _, line := range []string{"User=wattwerk\n", "Group=wattwerk\n", "SupplementaryGroups=dialout\n"} {
		plain = strings.ReplaceAll(plain, line, "") // the machine that builds has no such user
	}
	if out := verify(analyze, write(t, filepath.Join(t.TempDir(), "wattwerk-device.service"), plain)); out != "" && !strings.Contains(out, "is not executable") {
		t.Errorf("systemd-analyze verify says\n%s", out)
	}
	for _, line := range []string{"\nRestart=always\n", "\nStartLimitIntervalSec=0\n", " edge launch --config ", "\nKillMode=mixed\n", "\nDeviceAllow=char-ttyUSB rw\n", "\nUser=wattwerk\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("the unit has no %q", strings.TrimSpace(line))
		}
	}
	if level := exposure(t, analyze, write(t, filepath.Join(t.TempDir(), "wattwerk-device.service"), text)); level > 2.5 {
		t.Errorf("its exposure is %.1f; the limit is 2.5", level)
	}
}
