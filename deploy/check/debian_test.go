package check

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // the format
)

// pack builds a package, with a binary as 'make deb' does.
func pack(t *testing.T, version, arch, binary string) string {
	t.Helper()
	pages := t.TempDir()
	for from, to := range map[string]string{"wattwerk.1": "wattwerk.1.gz", "copyright": "changelog.gz"} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(read(t, filepath.Join("deploy/debian", from)))); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(pages, to), b.String())
	}
	target := filepath.Join(t.TempDir(), "wattwerk_"+version+"_"+arch+".deb")
	vars := map[string]string{"VERSION": version, "ARCH": arch, "BINARY": binary, "PAGES": pages}
	config, err := nfpm.ParseFileWithEnvMapping("deploy/debian/nfpm.yaml", func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	info, err := config.Get("deb")
	if err != nil {
		t.Fatal(err)
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.Validate(info); err != nil {
		t.Fatal(err)
	}
	packager, err := nfpm.Get("deb")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(target)
	if err != nil {
		t.Fatal(err)
	}
	if err := packager.Package(info, f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return target
}

// standIn is packed in place of the program where it does not matter what is
// in the package, because packing the program takes seconds.
func standIn(t *testing.T) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "wattwerk"), "#!/bin/sh\n")
}

// installation is a root directory with nothing but what the package needs.
type installation struct {
	t    *testing.T
	root string
	env  []string
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	i := &installation{t: t, root: t.TempDir()}
	for _, d := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "usr/bin", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(i.root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(i.root, "var/lib/dpkg/status"), "")
	write(t, filepath.Join(i.root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
	write(t, filepath.Join(i.root, "etc/group"), "root:x:0:\n")
	// The questions of this installation are not those of this machine.
	write(t, filepath.Join(i.root, "etc/debconf.conf"), read(t, "/etc/debconf.conf"))
	if err := os.MkdirAll(filepath.Join(i.root, "var/cache/debconf"), 0o755); err != nil {
		t.Fatal(err)
	}
	i.env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true", "LC_ALL=C")
	return i
}

func (i *installation) dpkg(args ...string) {
	i.t.Helper()
	args = append([]string{"--root=" + i.root, "--force-script-chrootless", "--force-depends", "--force-confold", "--force-not-root", "--log=/dev/null"}, args...)
	cmd := exec.Command(need(i.t, "dpkg"), args...)
	cmd.Env = i.env
	if out, err := cmd.CombinedOutput(); err != nil {
		i.t.Fatalf("dpkg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (i *installation) path(p string) string { return filepath.Join(i.root, p) }

func (i *installation) has(p string) bool {
	_, err := os.Lstat(i.path(p))
	return err == nil
}

// answer says what an administrator would.
func (i *installation) answer(question, value string) {
	i.t.Helper()
	cmd := exec.Command(need(i.t, "debconf-communicate"), "wattwerk")
	cmd.Env = append(i.env, "DPKG_ROOT="+i.root)
	cmd.Stdin = strings.NewReader("SET " + question + " " + value + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "0") {
		i.t.Fatalf("debconf: %v\n%s", err, out)
	}
}

func TestPackageIsInstalledUpgradedAndPurged(t *testing.T) {
	first, second := pack(t, "1.0.0", "amd64", program), pack(t, "1.1.0", "amd64", standIn(t))
	for _, c := range []struct {
		name, answer string
		stays        bool
	}{
		{"data stays when nothing is said", "", true},
		{"data stays when that is wanted", "false", true},
		{"data goes when that is wanted", "true", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInstallation(t)
			i.dpkg("--install", first)
			for _, want := range []string{
				"/usr/bin/wattwerk", "/etc/wattwerk/wattwerk.yaml", "/usr/lib/systemd/system/wattwerk.service",
				"/etc/systemd/system/multi-user.target.wants/wattwerk.service", "/usr/share/man/man1/wattwerk.1.gz",
			} {
				if !i.has(want) {
					t.Errorf("after the installation there is no %s", want)
				}
			}
			if users := read(t, i.path("/etc/passwd")); !strings.Contains(users, "\nwattwerk:") || !strings.Contains(users, "/usr/sbin/nologin") {
				t.Errorf("the user was not made, or can sign in:\n%s", users)
			}
			if out, err := exec.Command(i.path("/usr/bin/wattwerk"), "config", "--config", i.path("/etc/wattwerk/wattwerk.yaml")).CombinedOutput(); err != nil {
				t.Errorf("the program refuses the settings it comes with: %v\n%s", err, out)
			} else if !strings.Contains(string(out), "data: /var/lib/wattwerk\n") {
				t.Errorf("the data is not where the unit lets it write:\n%s", out)
			}

			// What is there after some months.
			write(t, i.path("/var/lib/wattwerk/history/block"), "readings")
			own := "addr: 127.0.0.1:9090\ndata: /var/lib/wattwerk\n"
			write(t, i.path("/etc/wattwerk/wattwerk.yaml"), own)

			i.dpkg("--install", second)
			if got := read(t, i.path("/etc/wattwerk/wattwerk.yaml")); got != own {
				t.Errorf("the upgrade changed the settings of the administrator:\n%s", got)
			}
			if !i.has("/var/lib/wattwerk/history/block") {
				t.Error("the upgrade removed data")
			}
			if status := read(t, i.path("/var/lib/dpkg/status")); !strings.Contains(status, "Version: 1.1.0\n") || !strings.Contains(status, "Status: install ok installed") {
				t.Errorf("the upgrade did not end well:\n%s", status)
			}

			i.dpkg("--remove", "wattwerk")
			if i.has("/usr/bin/wattwerk") || i.has("/usr/lib/systemd/system/wattwerk.service") {
				t.Error("the removal left the program")
			}
			if !i.has("/etc/wattwerk/wattwerk.yaml") || !i.has("/var/lib/wattwerk/history/block") {
				t.Error("the removal took settings or data, which only a purge may")
			}

			if c.answer != "" {
				i.answer("wattwerk/purge-data", c.answer)
			}
			i.dpkg("--purge", "wattwerk")
			if i.has("/etc/wattwerk") {
				t.Error("the purge left the settings")
			}
			if i.has("/var/lib/wattwerk/history/block") != c.stays {
				t.Errorf("after the purge the data is there: %v, want %v", !c.stays, c.stays)
			}
			if i.has("/etc/systemd/system/wattwerk.service") || i.has("/etc/systemd/system/multi-user.target.wants/wattwerk.service") {
				t.Error("the purge left the unit masked or enabled")
			}
		})
	}
}

func TestDisabledServiceStaysDisabled(t *testing.T) {
	i := newInstallation(t)
	i.dpkg("--install", pack(t, "1.0.0", "amd64", standIn(t)))
	wants := "/etc/systemd/system/multi-user.target.wants/wattwerk.service"
	if err := os.Remove(i.path(wants)); err != nil { // as systemctl disable does
		t.Fatal(err)
	}
	i.dpkg("--install", pack(t, "1.1.0", "amd64", standIn(t)))
	if i.has(wants) {
		t.Error("the upgrade enabled a service that the administrator had disabled")
	}
}

func TestPackagesOfOtherArchitectures(t *testing.T) {
	// 'make deb' puts the program of each architecture in.
	stand := standIn(t)
	for arch, debian := range map[string]string{"amd64": "amd64", "arm64": "arm64", "arm7": "armhf"} {
		deb := pack(t, "1.0.0", arch, stand)
		out, err := exec.Command(need(t, "dpkg-deb"), "--field", deb, "Architecture", "Maintainer", "Depends", "Installed-Size").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "Architecture: "+debian+"\n") || !strings.Contains(string(out), "Depends: debconf") {
			t.Errorf("the package for %s says\n%s", debian, out)
		}
		list, err := exec.Command("dpkg-deb", "--contents", deb).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, list)
		}
		for line := range strings.Lines(string(list)) {
			if !strings.Contains(line, " root/root ") {
				t.Errorf("in the package for %s this does not belong to root: %s", debian, line)
			}
		}
	}
}

func TestManPageNamesEveryCommand(t *testing.T) {
	page := read(t, "deploy/debian/wattwerk.1")
	out, err := exec.Command(program, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, commands, ok := strings.Cut(string(out), "Commands:\n")
	if !ok {
		t.Fatalf("the help lists no commands:\n%s", out)
	}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+)`).FindAllStringSubmatch(commands, -1) {
		if !strings.Contains(page, "\n.B "+m[1]+"\n") {
			t.Errorf("wattwerk.1 does not name the command %s", m[1])
		}
	}
}

const exposureLimit = 2.0

func TestUnitIsWellFormedAndHardened(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	i := newInstallation(t)
	i.dpkg("--install", pack(t, "1.0.0", "amd64", standIn(t)))
	unit := i.path("/usr/lib/systemd/system/wattwerk.service")

	// The program must be where the unit says; other units come from this machine.
	plain := strings.ReplaceAll(read(t, unit), "/usr/bin/wattwerk", i.path("/usr/bin/wattwerk"))
	// The machine that builds has no such user.
	for _, line := range []string{"User=wattwerk\n", "Group=wattwerk\n"} {
		if !strings.Contains(plain, line) {
			t.Errorf("the unit has no %s", line)
		}
		plain = strings.ReplaceAll(plain, line, "")
	}
	there := write(t, filepath.Join(t.TempDir(), "wattwerk.service"), plain)
	if out := verify(analyze, there); out != "" {
		t.Errorf("systemd-analyze verify says\n%s", out)
	}
	for _, c := range [][3]string{
		{"a word that systemd does not know", "ProtectHome=yes", "ProtectHouse=yes"},
		{"a value that systemd does not know", "ProtectSystem=strict", "ProtectSystem=much"},
		{"a program that is not there", "/usr/bin/wattwerk run", "/usr/bin/wattwork run"},
	} {
		broken := write(t, filepath.Join(t.TempDir(), "wattwerk.service"), strings.ReplaceAll(plain, c[1], c[2]))
		if verify(analyze, broken) == "" {
			t.Errorf("nobody noticed %s", c[0])
		}
	}

	for _, c := range []struct {
		says, old, new string
		fine           bool
	}{
		{"as it is", "", "", true},
		{"without a filter of system calls and with every capability", "(?m)^(SystemCallFilter|CapabilityBoundingSet)=.*\n", "", false},
		{"as root, seeing all devices", "(?m)^(User|PrivateDevices|DevicePolicy|PrivateUsers|NoNewPrivileges)=.*\n", "", false},
	} {
		text := read(t, unit)
		if c.old != "" {
			text = regexp.MustCompile(c.old).ReplaceAllString(text, c.new)
		}
		file := write(t, filepath.Join(t.TempDir(), "wattwerk.service"), text)
		level := exposure(t, analyze, file)
		t.Logf("exposure %s: %.1f", c.says, level)
		if (level <= exposureLimit) != c.fine {
			t.Errorf("%s the unit's exposure is %.1f; the limit is %.1f", c.says, level, exposureLimit)
		}
	}
}

func verify(analyze, unit string) string {
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=one", unit).CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return string(out)
}

func exposure(t *testing.T, analyze, unit string) float64 {
	t.Helper()
	out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for [^:]+: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return level
}
