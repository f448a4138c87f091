package check

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const natsServer = ".tools/nats-server-2.15.2"

// TestNATSTakesItsFile gives the server the file with the secrets where
// containers have both.
func TestNATSTakesItsFile(t *testing.T) {
	if got := read(t, "deploy/compose/config/nats.conf"); got != read(t, filepath.Join(chartDir, "files/nats.conf")) {
		t.Error("compose and the chart have different files for NATS")
	}
	for _, kind := range []string{"compose", "kubernetes"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			secrets := filepath.Join(dir, "run/secrets")
			if out, err := exec.Command("deploy/secrets.sh", kind, secrets).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			file := write(t, filepath.Join(dir, "etc/nats/nats.conf"), read(t, "deploy/compose/config/nats.conf"))
			out, err := exec.Command(need(t, natsServer), "-t", "-c", file).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "is valid") {
				t.Errorf("%v\n%s", err, out)
			}
			// The password that wattwerk says is the one that NATS asks for.
			_, password, _ := strings.Cut(strings.TrimSpace(read(t, filepath.Join(secrets, "nats_login"))), ":")
			if len(password) < 32 || !strings.Contains(read(t, filepath.Join(secrets, "nats.conf")), `user: wattwerk, password: "`+password+`"`) {
				t.Error("the two files do not fit together, or the password is short")
			}
			before := read(t, filepath.Join(secrets, "nats.conf"))
			if out, err := exec.Command("deploy/secrets.sh", kind, secrets).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if read(t, filepath.Join(secrets, "nats.conf")) != before {
				t.Error("a second run changed passwords")
			}
			broken := write(t, file, strings.Replace(read(t, file), "max_payload", "max_playload", 1))
			if out, err := exec.Command(natsServer, "-t", "-c", broken).CombinedOutput(); err == nil {
				t.Errorf("a setting that NATS does not know is taken:\n%s", out)
			}
		})
	}
}
