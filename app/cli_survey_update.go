package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/survey/release"
	repository "github.com/wattwerk/wattwerk/survey/update"
)

// SurveyUpdateCmd is "wattwerk survey update".
type SurveyUpdateCmd struct {
	Init     SurveyUpdateInitCmd     `cmd:"" help:"Make the keys that sign updates."`
	Publish  SurveyUpdatePublishCmd  `cmd:"" help:"Sign a program as a release for devices."`
	Ring     SurveyUpdateRingCmd     `cmd:"" help:"Have a release go to more devices, or to none."`
	Withdraw SurveyUpdateWithdrawCmd `cmd:"" help:"Take a release out."`
	Sign     SurveyUpdateSignCmd     `cmd:"" help:"Sign the releases again, once a year."`
	Root     SurveyUpdateRootCmd     `cmd:"" help:"Make the next root, and new keys."`
	Status   SurveyUpdateStatusCmd   `cmd:"" help:"List the releases, and what there is to do."`
}

// Help is shown by --help.
func (*SurveyUpdateCmd) Help() string {
	return `Devices take programs that are signed by keys that are not where the data service is. A release goes to 1 of 100
devices first, then to 10, then to all. docs/survey.md explains it.

Examples:
  wattwerk survey update init --offline /media/stick
  wattwerk survey update publish wattwerk-arm64 --release 1.4.0 --platform linux/arm64 --offline /media/stick
  wattwerk survey update ring 1.4.0 promote --offline /media/stick
  wattwerk survey update status`
}

// updates opens the releases for a command.
func (f settingsFlags) updates(sys IO) (*repository.Repository, error) {
	cfg, err := f.load(sys, nil)
	if err != nil {
		return nil, err
	}
	return repository.Open(cfg.updatesDir(), nil)
}

// SurveyUpdateInitCmd is "wattwerk survey update init".
type SurveyUpdateInitCmd struct{ offline }

// Help is shown by --help.
func (*SurveyUpdateInitCmd) Help() string {
	return `Makes the keys of root and releases, which belong on something that is kept in a safe, and those by which the
data service says once in six hours that nothing is held back. Nothing is written over. Prints the file that goes to
every device.

Example:
  wattwerk survey update init --offline /media/stick --data /var/lib/wattwerk`
}

// Run makes them.
func (c *SurveyUpdateInitCmd) Run(sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	dir := cfg.updatesDir()
	if filepath.Clean(c.Offline) == filepath.Clean(dir) {
		return usageError{errors.New("--offline is where the service works; name a directory on what you take away")}
	}
	if _, err := repository.Init(c.Offline, dir, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%s\n%s\n%s\n", filepath.Join(c.Offline, repository.RootKey), filepath.Join(c.Offline, repository.TargetsKey), filepath.Join(dir, repository.RootFile))
	return err
}

// SurveyUpdatePublishCmd is "wattwerk survey update publish".
type SurveyUpdatePublishCmd struct {
	offline
	File      string   `arg:"" help:"The program." type:"existingfile"`
	Release   string   `required:"" placeholder:"VERSION" help:"Its version, as 'wattwerk version' of it says."`
	Platform  string   `required:"" placeholder:"OS/ARCH" help:"What it is for, as linux/arm64."`
	Ring      int      `default:"1" help:"How far it goes: 1, to 1 of 100 devices; 2, to 10; 3, to all; 0, to none yet."`
	Device    []string `placeholder:"ID" help:"Devices that it reaches in any ring but 0."`
	Downgrade bool     `help:"It may follow a later version."`
}

// Help is shown by --help.
func (*SurveyUpdatePublishCmd) Help() string {
	return `Copies a program to where devices fetch it and signs what it is, with the key in --offline (` + repository.TargetsKey + `).
A device takes the release published last of those that reach it, if its version is not earlier than what runs. The
same version published again is another release, which devices try that had given the one before back.

Examples:
  wattwerk survey update publish wattwerk-arm64 --release 1.4.0 --platform linux/arm64 --offline /media/stick
  wattwerk survey update publish wattwerk-arm64 --release 1.3.2 --platform linux/arm64 --ring 3 --downgrade --offline /media/stick`
}

// Run publishes.
func (c *SurveyUpdatePublishCmd) Run(sys IO) error {
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	rel := release.Release{Version: c.Release, Platform: c.Platform, Ring: release.Ring(c.Ring), Devices: c.Device, Downgrade: c.Downgrade}
	if rel, err = r.Publish(c.Offline, c.File, rel); err != nil {
		if errors.Is(err, release.ErrInvalid) {
			return usageError{err}
		}
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "release %d: %s for %s, %s\n", rel.Sequence, rel.Version, rel.Platform, reach(rel))
	return err
}

// reach says in words how far a release goes.
func reach(r release.Release) string {
	if r.Ring == release.Halted {
		return "ring 0, to no device"
	}
	text := fmt.Sprintf("ring %d, to %g of 100 devices", r.Ring, 100*r.Ring.Share())
	if len(r.Devices) > 0 && r.Ring != release.All {
		text += fmt.Sprintf(" and %d that are named", len(r.Devices))
	}
	return text
}

// SurveyUpdateRingCmd is "wattwerk survey update ring".
type SurveyUpdateRingCmd struct {
	offline
	Release  string `arg:"" help:"Version of the release."`
	Ring     string `arg:"" help:"0 to 3; promote: the one after the one it has; halt: 0."`
	Platform string `placeholder:"OS/ARCH" help:"Of this platform alone."`
}

// Help is shown by --help.
func (*SurveyUpdateRingCmd) Help() string {
	return `Signs how far a release goes from now on. Whom a ring reaches, the ones that follow reach too. A release that is
halted is not begun with any more; devices that have it keep it.

Examples:
  wattwerk survey update ring 1.4.0 promote --offline /media/stick
  wattwerk survey update ring 1.4.0 halt --platform linux/arm --offline /media/stick`
}

// Run signs.
func (c *SurveyUpdateRingCmd) Run(sys IO) error {
	ring := release.Halted
	if c.Ring != "promote" && c.Ring != "halt" {
		n, err := strconv.Atoi(c.Ring)
		if err != nil || n < int(release.Halted) || n > int(release.All) {
			return usageError{fmt.Errorf("%q is no ring: they are 0 to %d, promote and halt", c.Ring, release.All)}
		}
		ring = release.Ring(n)
	}
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	changed, err := r.SetRing(c.Offline, c.Release, c.Platform, ring, c.Ring == "promote")
	for _, rel := range changed {
		fmt.Fprintf(sys.Out, "release %d: %s for %s, %s\n", rel.Sequence, rel.Version, rel.Platform, reach(rel)) //nolint:errcheck // what was signed is signed
	}
	return err
}

// SurveyUpdateWithdrawCmd is "wattwerk survey update withdraw".
type SurveyUpdateWithdrawCmd struct {
	offline
	Release  string `arg:"" help:"Version of the release."`
	Platform string `placeholder:"OS/ARCH" help:"Of this platform alone."`
}

// Help is shown by --help.
func (*SurveyUpdateWithdrawCmd) Help() string {
	return "Takes a release out and deletes its program. Devices that have it keep it.\n\nExample:\n  wattwerk survey update withdraw 1.2.0 --offline /media/stick"
}

// Run takes it out.
func (c *SurveyUpdateWithdrawCmd) Run(sys IO) error {
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	return r.Withdraw(c.Offline, c.Release, c.Platform)
}

// SurveyUpdateSignCmd is "wattwerk survey update sign".
type SurveyUpdateSignCmd struct{ offline }

// Help is shown by --help.
func (*SurveyUpdateSignCmd) Help() string {
	return "What is signed of the releases is good for a year, and each change signs it anew. Where nothing changes for\nso long, this does.\n\nExample:\n  wattwerk survey update sign --offline /media/stick"
}

// Run signs.
func (c *SurveyUpdateSignCmd) Run(sys IO) error {
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	return r.Sign(c.Offline)
}

// SurveyUpdateRootCmd is "wattwerk survey update root".
type SurveyUpdateRootCmd struct {
	offline
	Rotate []string `placeholder:"ROLE" help:"Roles that get a new key: root, targets, snapshot, timestamp. After the data service was broken into: snapshot,timestamp."`
}

// Help is shown by --help.
func (*SurveyUpdateRootCmd) Help() string {
	return `The root says which keys count, for five years. The next one is signed by the key before, so devices follow it,
also those that were away for long. Keys before stay beside, with .old at their names.

Examples:
  wattwerk survey update root --offline /media/stick
  wattwerk survey update root --rotate snapshot,timestamp --offline /media/stick`
}

// Run makes it.
func (c *SurveyUpdateRootCmd) Run(sys IO) error {
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	return r.Rotate(c.Offline, c.Rotate...)
}

// SurveyUpdateStatusCmd is "wattwerk survey update status".
type SurveyUpdateStatusCmd struct{ settingsFlags }

// Help is shown by --help.
func (*SurveyUpdateStatusCmd) Help() string {
	return `Lists the releases, when what is signed expires, and what there is to do, in sentences. It ends with 1 when there is
something to do. Which device runs which version says 'wattwerk survey status'.

Example:
  wattwerk survey update status`
}

// Run prints.
func (c *SurveyUpdateStatusCmd) Run(sys IO) error {
	r, err := c.updates(sys)
	if err != nil {
		return err
	}
	s, err := r.Status()
	if err != nil {
		return err
	}
	t := newColumns(sys.Out, "RELEASE", "VERSION", "PLATFORM", "REACHES")
	for _, x := range s.Releases {
		t.row(x.Sequence, x.Version, x.Platform, reach(x))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, x := range []struct {
		what string
		at   time.Time
	}{{"root", s.Root}, {"releases", s.Targets}, {"snapshot", s.Snapshot}, {"timestamp", s.Timestamp}} {
		fmt.Fprintf(sys.Out, "%s until %s\n", x.what, x.at.UTC().Format(time.RFC3339)) //nolint:errcheck // the next one reports
	}
	for _, text := range s.Todo {
		if _, err := fmt.Fprintln(sys.Out, text); err != nil {
			return err
		}
	}
	if len(s.Todo) > 0 {
		return errUnwell
	}
	return nil
}
