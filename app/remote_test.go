package app

import (
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/config"
)

// remoteConfig is settings with a database on this machine.
func remoteConfig() Config {
	c := DefaultConfig()
	c.History.Store = storeRemote
	c.History.Remote.WriteURLs = []string{"http://127.0.0.1:8428/api/v1/write"}
	c.History.Remote.QueryURLs = []string{"http://127.0.0.1:8428"}
	return c
}

func TestRemoteHistoryIsChecked(t *testing.T) {
	good := remoteConfig()
	if err := good.Validate(); err != nil || len(good.Warnings()) > 0 {
		t.Error(err, good.Warnings())
	}
	for _, c := range []struct {
		set  func(*RemoteConfig)
		want string
	}{
		{func(c *RemoteConfig) { c.WriteURLs = nil }, "write_urls is needed"},
		{func(c *RemoteConfig) { c.QueryURLs = append(c.QueryURLs, "http://b") }, "one address for each"},
		{func(c *RemoteConfig) { c.ReadURLs = []string{"http://a", "http://b"} }, "or none"},
		{func(c *RemoteConfig) { c.WriteURLs[0] = "127.0.0.1:8428" }, "is not an address"},
		{func(c *RemoteConfig) { c.QueryURLs[0] = "http://me:secret@vm" }, "holds a password"},
		{func(c *RemoteConfig) { c.Settle = -1 }, "settle"},
		{func(c *RemoteConfig) { c.Timeout = 0 }, "timeout"},
		{func(c *RemoteConfig) { c.Buffer = 0 }, "buffer"},
		{func(c *RemoteConfig) { c.FlushEvery = 0 }, "flush_every"},
		{func(c *RemoteConfig) { c.Compression = "gzip" }, "neither snappy nor zstd"},
		{func(c *RemoteConfig) { c.BearerTokenFile, c.BasicUser = "a", "b" }, "both set"},
		{func(c *RemoteConfig) { c.PasswordFile = "a" }, "basic_user is needed"},
		{func(c *RemoteConfig) { c.CertFile = "a" }, "go together"},
	} {
		bad := remoteConfig()
		c.set(&bad.History.Remote)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	other := DefaultConfig()
	other.History.Store = "influx"
	if err := other.Validate(); err == nil || !strings.Contains(err.Error(), "neither tsdb nor remote") {
		t.Error(err)
	}
}

func TestRemoteHistoryWarns(t *testing.T) {
	for _, c := range []struct {
		set  func(*Config)
		want string
	}{
		{func(c *Config) { c.History.Store = storeTSDB }, "the database is not used"},
		{func(c *Config) { c.History.Remote.Settle = config.Duration(time.Second) }, "below 10s"},
		{func(c *Config) {
			c.History.Remote.BasicUser, c.History.Remote.WriteURLs[0] = "me", "http://vm.example.org/api/v1/write"
		}, "without TLS"},
	} {
		cfg := remoteConfig()
		c.set(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		if w := strings.Join(cfg.Warnings(), "\n"); !strings.Contains(w, c.want) {
			t.Errorf("got %q, want %q", w, c.want)
		}
	}
}

func TestReplicasOfRemoteHistory(t *testing.T) {
	c := RemoteConfig{WriteURLs: []string{"w"}, QueryURLs: []string{"q"}, StorageURLs: []string{"1", "2"}}
	if r := c.replicas(); len(r) != 1 || len(r[0].Storage) != 2 {
		t.Errorf("one cluster: %+v", r)
	}
	c = RemoteConfig{WriteURLs: []string{"w", "x"}, QueryURLs: []string{"q", "r"}, ReadURLs: []string{"a", "b"}, StorageURLs: []string{"1", "2"}}
	if r := c.replicas(); len(r) != 2 || r[1].Read != "b" || len(r[1].Storage) != 1 || r[1].Storage[0] != "2" || r[1].Query != "r" {
		t.Errorf("two nodes: %+v", r)
	}
}
