package app

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/mqtt"
	"github.com/wattwerk/wattwerk/gateway"
)

// GatewayConfig is who may come in, and how.
type GatewayConfig struct {
	SignIn          bool       `koanf:"sign_in" doc:"Ask who it is. Without it everybody who reaches addr is an administrator, so addr must then be a loopback address."`
	Passwords       bool       `koanf:"passwords" doc:"People may sign in with a password kept here. Off: at the OpenID provider only."`
	AnonymousIngest string     `koanf:"anonymous_ingest" doc:"Who may send readings without a token: 'loopback', programs on the same machine while addr is a loopback address; or 'never'."`
	PublicURL       string     `koanf:"public_url" doc:"How people reach the page when a proxy is in front, as https://power.example.org."`
	BasePath        string     `koanf:"base_path" doc:"The path below which a proxy serves the page, as /wattwerk; empty: the root."`
	TLSCertFile     string     `koanf:"tls_cert_file" doc:"Certificate (PEM) to serve HTTPS with; empty: plain HTTP."`
	TLSKeyFile      string     `koanf:"tls_key_file" doc:"Its key (PEM)."`
	Advertise       string     `koanf:"advertise" doc:"Where the gateways of other processes reach this one, as http://10.0.0.7:8080; empty: at addr, and when that is all addresses, at the first one of this machine that others can reach."`
	InnerCAFile     string     `koanf:"inner_ca_file" doc:"Certificates (PEM) of who signed those of other processes, for a gateway that reaches them by https; empty: those the system knows."`
	Vite            string     `koanf:"vite" doc:"For work on the pages: URL of a Vite server to show instead of the pages inside, as http://127.0.0.1:5173."`
	OIDC            OIDCConfig `koanf:"oidc" doc:"Sign in with an OpenID Connect provider too."`
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
		SignIn: true, Passwords: true, AnonymousIngest: gateway.AnonymousLoopback,
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
	MappingsFile string `koanf:"mappings_file" doc:"File (YAML) that says what messages mean where they do not say so themselves: JSON mappings, MQTT topics and brokers, names for InfluxDB and remote write. docs/bridges.md explains it; empty: built-in rules."`
}

// DefaultBridgeConfig has the built-in bridges only.
func DefaultBridgeConfig() BridgeConfig { return BridgeConfig{} }

// Validate gives what cannot work.
func (c *BridgeConfig) Validate() error {
	_, err := c.mappings()
	return err
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
