package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/internal/durable"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Files in the directory of a device.
const (
	identityFile = "identity.json" // certificate and key
	enrolFile    = "enrol.key"     // the key of an enrolment that was not answered
	stateFile    = "state.json"    // consent and lease
	receiptsFile = "receipts.json" // what was granted and revoked here
	meterFile    = "meter.json"    // the one meter of a household that has one
	ownerFile    = "owner.json"    // the device by whose identifier all of it is
	visitsFile   = "visits.json"   // who looked at the device from afar
	bufferDir    = "buffer"
)

// Enrolment enrols a device.
type Enrolment struct {
	Dir   string // of the device; is made
	URL   string // of the data service
	Roots []byte // root.crt of the survey, PEM
	Token string // is good once
}

// Enrolled is what an enrolment gives.
type Enrolled struct {
	household.Certificate
	Meters []household.Meter // of the household
}

// Enrol gets the first certificate of a device, or another one after its own has
// expired. Should the answer be lost, it is asked again with the same key. A device
// that runs takes it within seconds.
func Enrol(ctx context.Context, e Enrolment) (out Enrolled, err error) {
	c, err := client.New(client.Options{URL: e.URL, Roots: e.Roots})
	if err != nil {
		return out, err
	}
	defer c.Close()
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	path := filepath.Join(e.Dir, enrolFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = client.NewKey(); err == nil {
			err = durable.Replace(path, key)
		}
	}
	if err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	if out.Certificate, err = c.Enrol(ctx, e.Token, key); err != nil {
		return out, err
	}
	// How the consent stands is asked anew. Whose all the rest is, is seen by its owner.
	if err := remove(filepath.Join(e.Dir, stateFile)); err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	i := &identity{path: filepath.Join(e.Dir, identityFile)}
	if err := i.keep(out.Certificate, key); err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	if err := remove(path); err != nil {
		return out, fmt.Errorf("enrol: %w", err)
	}
	out.Meters, err = c.Meters(ctx)
	return out, err
}

// identity is the certificate of a device and its key, in one file so that both always
// belong together.
type identity struct {
	path   string
	client *client.Client

	mu   sync.Mutex
	now  identityNow
	seen time.Time // when the file was changed
}

type identityNow struct {
	Device string    `json:"device"`
	Chain  string    `json:"chain"`
	Key    string    `json:"key"`
	Ends   time.Time `json:"ends"`
	Renew  time.Time `json:"renew"`
}

func (i *identity) keep(c household.Certificate, key []byte) error {
	n := identityNow{c.Device, c.Chain, string(key), c.Ends, c.Renew}
	i.mu.Lock() // or what is written here would be taken for somebody else's
	defer i.mu.Unlock()
	if err := replaceJSON(i.path, n); err != nil {
		return err
	}
	i.now = n
	return i.look()
}

// look notes when the file was changed.
func (i *identity) look() error {
	info, err := os.Stat(i.path)
	if err == nil {
		i.seen = info.ModTime()
	}
	return err
}

// load reads the file if it was changed by somebody else. False: it was not, or there
// is none.
func (i *identity) load() (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	info, err := os.Stat(i.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.ModTime().Equal(i.seen) {
		return false, nil
	}
	var n identityNow
	if err == nil {
		err = readJSON(i.path, &n)
	}
	if err != nil {
		return false, fmt.Errorf("read certificate: %w", err)
	}
	i.now, i.seen = n, info.ModTime()
	return true, nil
}

func (i *identity) get() identityNow {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// Due is when the certificate is to be renewed.
func (i *identity) Due() time.Time { return i.get().Renew }

// Ends is when it expires.
func (i *identity) Ends() time.Time { return i.get().Ends }

// Renew gets another certificate, for another key.
func (i *identity) Renew(ctx context.Context) error {
	key, err := client.NewKey()
	if err != nil {
		return err
	}
	c, err := i.client.Renew(ctx, key)
	if err != nil {
		return err
	}
	return i.keep(c, key)
}

// own makes sure that what is kept is of this device: another household may have it
// now. It tells whether it was of another.
func (s *Service) own(device string) (bool, error) {
	path := filepath.Join(s.o.Dir, ownerFile)
	var owner string
	if err := readJSON(path, &owner); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if owner == device {
		return false, nil
	}
	if owner != "" {
		s.log.Info("the device is another one of the survey now, and what it kept is deleted")
		if err := errors.Join(s.buffer.Wipe(), remove(filepath.Join(s.o.Dir, receiptsFile)), remove(filepath.Join(s.o.Dir, meterFile)), remove(filepath.Join(s.o.Dir, visitsFile))); err != nil {
			return false, err
		}
		if s.desk != nil {
			s.desk.Forget()
		}
	}
	return owner != "", replaceJSON(path, device)
}

// receipts are those of what was granted and revoked at the device.
func readReceipts(dir string) ([]consent.Receipt, error) {
	var all []consent.Receipt
	err := readJSON(filepath.Join(dir, receiptsFile), &all)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return all, err
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func replaceJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.Replace(path, data)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}
