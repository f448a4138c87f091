package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/mqtt"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/history/remote"
	"github.com/wattwerk/wattwerk/internal/config"
)

// GatewayConfig is who may come in, and how.
type GatewayConfig struct {
	SignIn          bool        `koanf:"sign_in" doc:"Ask who it is. Without it everybody who reaches addr is an administrator, so addr must then be a loopback address."`
	Passwords       bool        `koanf:"passwords" doc:"People may sign in with a password kept here. Off: at the OpenID provider only."`
	AnonymousIngest string      `koanf:"anonymous_ingest" doc:"Who may send readings without a token: 'loopback', programs on the same machine while addr is a loopback address; or 'never'."`
	PublicURL       string      `koanf:"public_url" doc:"How people reach the page when a proxy is in front, as https://power.example.org."`
	BasePath        string      `koanf:"base_path" doc:"The path below which a proxy serves the page, as /wattwerk; empty: that of public_url, or the root. The proxy may leave it in the path or take it off."`
	TLSCertFile     string      `koanf:"tls_cert_file" doc:"Certificate (PEM) to serve HTTPS with; empty: plain HTTP."`
	TLSKeyFile      string      `koanf:"tls_key_file" doc:"Its key (PEM)."`
	Advertise       string      `koanf:"advertise" doc:"Where the gateways of other processes reach this one, as http://10.0.0.7:8080; empty: at addr, and when that is all addresses, at the first one of this machine that others can reach."`
	InnerCAFile     string      `koanf:"inner_ca_file" doc:"Certificates (PEM) of who signed those of other processes, for a gateway that reaches them by https; empty: those the system knows."`
	Vite            string      `koanf:"vite" doc:"For work on the pages: URL of a Vite server to show instead of the pages inside, as http://127.0.0.1:5173."`
	Titan           TitanConfig `koanf:"titan" doc:"The interfaces of the Titan Control Center, for its web page and for programs written for it; docs/titan.md."`
	OIDC            OIDCConfig  `koanf:"oidc" doc:"Sign in with an OpenID Connect provider too."`
}

// OIDCConfig names an OpenID Connect provider.
type OIDCConfig struct {
	Issuer         string   `koanf:"issuer" doc:"Its address, as https://login.example.org/realms/plant; empty: none. Needs gateway.public_url."`
	Name           string   `koanf:"name" doc:"What the button says; empty: the host of the issuer."`
	ClientID       string   `koanf:"client_id" doc:"What the provider calls this deployment."`
	SecretFile     string   `koanf:"secret_file" doc:"File with the client secret; empty: a public client."`
	GroupsClaim    string   `koanf:"groups_claim" doc:"The claim that lists a person's groups."`
	Administrators []string `koanf:"administrators" doc:"Groups whose members are administrators."`
	Operators      []string `koanf:"operators" doc:"Groups whose members are operators."`
	Viewers        []string `koanf:"viewers" doc:"Groups whose members are viewers."`
	Others         string   `koanf:"others" doc:"The role of people in no such group: viewer, operator, administrator; empty: they may not come in."`
}

// DefaultGatewayConfig asks everybody who it is.
func DefaultGatewayConfig() GatewayConfig {
	return GatewayConfig{
		SignIn: true, Passwords: true, AnonymousIngest: gateway.AnonymousLoopback, Titan: TitanConfig{AnonymousRead: gateway.GuestsNever},
		OIDC: OIDCConfig{GroupsClaim: "groups"},
	}
}

// Validate gives what cannot work.
func (c *GatewayConfig) Validate() error {
	var errs []error
	bad := func(when bool, sentence string) {
		if when {
			errs = append(errs, errors.New(sentence))
		}
	}
	bad((c.TLSCertFile == "") != (c.TLSKeyFile == ""), "gateway.tls_cert_file and gateway.tls_key_file go together")
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		bad(err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"),
			fmt.Sprintf("gateway.public_url %q is not like https://power.example.org", c.PublicURL))
	}
	if c.Advertise != "" {
		u, err := url.Parse(c.Advertise)
		bad(err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Path != "" || u.RawQuery != "" || u.User != nil,
			fmt.Sprintf("gateway.advertise %q is not like http://10.0.0.7:8080", c.Advertise))
	}
	bad(c.AnonymousIngest != gateway.AnonymousLoopback && c.AnonymousIngest != gateway.AnonymousNever,
		fmt.Sprintf("gateway.anonymous_ingest %q is neither loopback nor never", c.AnonymousIngest))
	bad(c.OIDC.Issuer != "" && c.OIDC.ClientID == "", "gateway.oidc.issuer is set; gateway.oidc.client_id is needed too")
	bad(c.OIDC.Issuer != "" && c.PublicURL == "", "gateway.oidc.issuer is set; gateway.public_url is needed too, for the provider sends people back to it")
	bad(c.OIDC.Issuer != "" && !c.SignIn, "gateway.oidc is set and gateway.sign_in is off; one of both is not meant")
	bad(c.OIDC.Issuer == "" && !c.Passwords && c.SignIn, "gateway.passwords is off and there is no gateway.oidc.issuer, so nobody could sign in")
	if err := c.Titan.Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.OIDC.Others != "" {
		_, err := access.ParseRole(c.OIDC.Others)
		bad(err != nil, fmt.Sprintf("gateway.oidc.others %q is none of viewer, operator, administrator", c.OIDC.Others))
	}
	return errors.Join(errs...)
}

// provider turns the settings into what the gateway takes; nil when none is set.
func (c *OIDCConfig) provider() (*gateway.OIDC, error) {
	if c.Issuer == "" {
		return nil, nil
	}
	o := &gateway.OIDC{
		Issuer: c.Issuer, ClientID: c.ClientID, Name: c.Name, GroupsClaim: c.GroupsClaim,
		Roles: make(map[string]access.Role), DefaultRole: access.Role(c.Others),
	}
	if c.SecretFile != "" {
		secret, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("read the OpenID client secret: %w", err)
		}
		o.ClientSecret = strings.TrimSpace(string(secret))
	}
	// The highest role last, so that it wins for a group that is listed twice.
	for _, r := range []struct {
		role   access.Role
		groups []string
	}{{access.Viewer, c.Viewers}, {access.Operator, c.Operators}, {access.Administrator, c.Administrators}} {
		for _, g := range r.groups {
			o.Roles[g] = r.role
		}
	}
	return o, nil
}

// BridgeConfig is what takes readings in.
type BridgeConfig struct {
	Meters       []string `koanf:"meters" doc:"Meters that are read, each 'KIND ADDRESS name=NAME', as 'sml /dev/ttyUSB0 name=house' or 'sunspec tcp://inverter:502 name=pv every=5s': identifiers of their sensors begin with the name. every= says how often it is asked, or how much time at least lies between two telegrams that are taken; unit=N is of Modbus, per_kwh=N of pulses, community_file=FILE of SNMP 2c; user=NAME and password_file=FILE of HTTP; user=NAME, auth_file=FILE and priv_file=FILE of SNMP 3. docs/meters.md explains kinds, addresses and the rest."`
	MappingsFile string   `koanf:"mappings_file" doc:"File (YAML) that says what messages mean where they do not say so themselves: JSON mappings, MQTT topics and brokers, names for InfluxDB and remote write. docs/bridges.md explains it; empty: built-in rules."`
}

// DefaultBridgeConfig has the built-in bridges only.
func DefaultBridgeConfig() BridgeConfig { return BridgeConfig{} }

// Validate gives what cannot work.
func (c *BridgeConfig) Validate() error {
	_, err := c.mappings()
	_, wrong := c.meters()
	return errors.Join(err, wrong)
}

// mappings is what the file holds.
type mappings struct {
	bridge.Config `yaml:",inline"`

	MQTT mqtt.Config `yaml:"mqtt"`
}

// mappings reads the file.
func (c *BridgeConfig) mappings() (mappings, error) {
	out := mappings{bridge.DefaultConfig(), mqtt.DefaultConfig()}
	if c.MappingsFile == "" {
		return out, nil
	}
	data, err := os.ReadFile(c.MappingsFile)
	if err != nil {
		return out, fmt.Errorf("read mappings: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(data, &out, yaml.Strict()); err != nil {
		return out, fmt.Errorf("read mappings %s: %s", c.MappingsFile, yaml.FormatError(err, false, true))
	}
	if err := errors.Join(out.Validate(), out.MQTT.Validate()); err != nil {
		return out, fmt.Errorf("mappings %s: %w", c.MappingsFile, err)
	}
	return out, nil
}

// Where the history is kept.
const (
	storeTSDB   = "tsdb"
	storeRemote = "remote"
)

// RemoteConfig names the database of the history.
type RemoteConfig struct {
	WriteURLs       []string        `koanf:"write_urls" doc:"Where remote write goes, whole: http://vm:8428/api/v1/write, or http://vminsert:8480/insert/0/prometheus/api/v1/write. Several: replicas that do not know of one another; each gets everything."`
	QueryURLs       []string        `koanf:"query_urls" doc:"What comes before /api/v1/query, for each of write_urls: http://vm:8428, or http://vmselect:8481/select/0/prometheus."`
	ReadURLs        []string        `koanf:"read_urls" doc:"Where remote read is answered, for each of write_urls: http://mimir/prometheus/api/v1/read. Empty: the database exports raw samples, as VictoriaMetrics does."`
	StorageURLs     []string        `koanf:"storage_urls" doc:"The storage nodes of the cluster, as http://vmstorage-1:8482, all of them; or the nodes of write_urls, one for each. They are asked to write to their disk. Empty: settle is waited for."`
	Settle          config.Duration `koanf:"settle" doc:"After so long what the database shows is on its disk; used where storage_urls is empty. Well above the database's own interval, which is 5s for VictoriaMetrics; 0 when it has a log on the disk before it answers."`
	FlushEvery      config.Duration `koanf:"flush_every" doc:"How often it is made sure that the database has everything on its disk; what the bus keeps is let go of then."`
	Buffer          int             `koanf:"buffer" doc:"Samples held until they are on the database's disk, about 100 bytes each. When it is full the bus keeps what comes."`
	Timeout         config.Duration `koanf:"timeout" doc:"How long one request may take."`
	Wait            config.Duration `koanf:"wait" doc:"How long to wait at the start for a database that does not answer yet."`
	Compression     string          `koanf:"compression" doc:"Of what is written: snappy, which every database takes, or zstd, which is smaller and VictoriaMetrics takes."`
	Tenant          string          `koanf:"tenant" doc:"The header X-Scope-OrgID, for databases that tell tenants apart by it."`
	BearerTokenFile string          `koanf:"bearer_token_file" doc:"File with a token that the database asks for."`
	BasicUser       string          `koanf:"basic_user" doc:"A user that the database asks for."`
	PasswordFile    string          `koanf:"password_file" doc:"File with the user's password."`
	CAFile          string          `koanf:"ca_file" doc:"Certificates (PEM) of who signed the database's; empty: those the system trusts."`
	CertFile        string          `koanf:"cert_file" doc:"Certificate (PEM) by which the database knows us; empty: none."`
	KeyFile         string          `koanf:"key_file" doc:"Its key (PEM)."`
}

// DefaultRemoteConfig names no database.
func DefaultRemoteConfig() RemoteConfig {
	return RemoteConfig{
		Settle: config.Duration(20 * time.Second), FlushEvery: config.Duration(10 * time.Second), Buffer: 2_000_000,
		Timeout: config.Duration(30 * time.Second), Wait: config.Duration(2 * time.Minute), Compression: "snappy",
	}
}

// Validate gives what cannot work.
func (c *RemoteConfig) Validate() error {
	var errs []error
	bad := func(when bool, sentence string) {
		if when {
			errs = append(errs, errors.New(sentence))
		}
	}
	bad(len(c.WriteURLs) == 0, "history.store is remote; history.remote.write_urls is needed too")
	bad(len(c.QueryURLs) != len(c.WriteURLs), "history.remote.query_urls must name one address for each of history.remote.write_urls")
	bad(len(c.ReadURLs) > 0 && len(c.ReadURLs) != len(c.WriteURLs), "history.remote.read_urls must name one address for each of history.remote.write_urls, or none")
	bad(len(c.WriteURLs) > 1 && len(c.StorageURLs) > 0 && len(c.StorageURLs) != len(c.WriteURLs), "history.remote.storage_urls must name one node for each of history.remote.write_urls, or none")
	for _, u := range slices.Concat(c.WriteURLs, c.QueryURLs, c.ReadURLs, c.StorageURLs) {
		p, err := url.Parse(u)
		bad(err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https", fmt.Sprintf("history.remote: %q is not an address like http://host:8428/path", u))
		bad(err == nil && p.User != nil, "history.remote: an address holds a password; name a file in history.remote.password_file instead")
	}
	bad(c.Settle < 0 || c.Settle.Std() > 10*time.Minute, "history.remote.settle must be between 0 and 10m")
	bad(c.FlushEvery.Std() < time.Second, "history.remote.flush_every must be 1s at least")
	bad(c.Timeout.Std() < time.Second, "history.remote.timeout must be 1s at least")
	bad(c.Wait < 0, "history.remote.wait must not be negative")
	bad(c.Buffer < 100_000, "history.remote.buffer must be 100000 at least")
	bad(c.Compression != "snappy" && c.Compression != "zstd", fmt.Sprintf("history.remote.compression %q is neither snappy nor zstd", c.Compression))
	bad(c.BearerTokenFile != "" && c.BasicUser != "", "history.remote.bearer_token_file and history.remote.basic_user are both set; one of both is not meant")
	bad(c.PasswordFile != "" && c.BasicUser == "", "history.remote.password_file is set; history.remote.basic_user is needed too")
	bad((c.CertFile == "") != (c.KeyFile == ""), "history.remote.cert_file and history.remote.key_file go together")
	return errors.Join(errs...)
}

func (c *RemoteConfig) warnings(warn func(bool, string)) {
	secret := c.BearerTokenFile != "" || c.BasicUser != ""
	for _, u := range slices.Concat(c.WriteURLs, c.QueryURLs, c.ReadURLs) {
		p, err := url.Parse(u)
		warn(err == nil && secret && p.Scheme == "http" && !loopback(p.Hostname()), fmt.Sprintf("history.remote: the token or password goes to %s without TLS and can be read on the way.", u))
	}
	warn(len(c.StorageURLs) == 0 && len(c.ReadURLs) == 0 && c.Settle.Std() < 10*time.Second, "history.remote.settle is below 10s without storage_urls: VictoriaMetrics writes to its disk every 5s, and readings that it loses when it is killed may be gone from the bus by then.")
}

// replicas pairs the addresses.
func (c *RemoteConfig) replicas() []remote.Replica {
	out := make([]remote.Replica, len(c.WriteURLs))
	for i := range out {
		out[i] = remote.Replica{Write: c.WriteURLs[i], Query: c.QueryURLs[i]}
		if len(c.ReadURLs) > 0 {
			out[i].Read = c.ReadURLs[i]
		}
		switch {
		case len(out) == 1:
			out[i].Storage = c.StorageURLs
		case len(c.StorageURLs) > 0:
			out[i].Storage = c.StorageURLs[i : i+1]
		}
	}
	return out
}

// options are what the store takes; late and retention are those of the history.
func (c *RemoteConfig) options(late, retention time.Duration, log *slog.Logger) remote.Options {
	o := remote.Options{
		Replicas: c.replicas(), Zstd: c.Compression == "zstd", Settle: c.Settle.Std(), Timeout: c.Timeout.Std(), Wait: c.Wait.Std(),
		Retention: retention, Window: late, MaxPending: uint64(c.Buffer), Log: log,
		Access: remote.Access{
			BearerTokenFile: c.BearerTokenFile, BasicUser: c.BasicUser, PasswordFile: c.PasswordFile,
			CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, Tenant: c.Tenant,
		},
	}
	if o.Settle == 0 {
		o.Settle = -1
	}
	return o
}
