package app

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/anonymise"
)

// surveyModule runs where there is an address for it.
const surveyModule = "survey"

// SurveyConfig is the data service of a field survey.
type SurveyConfig struct {
	Listen       string          `koanf:"listen" doc:"Host and port on which measurement devices, other sources and staff reach the data service, by TLS; empty: there is no survey here."`
	Hosts        []string        `koanf:"hosts" doc:"Names and IP addresses by which devices reach it, which go into its certificate; empty: the host of listen."`
	AuthorityDir string          `koanf:"authority_dir" doc:"Directory with root.crt, issuer.crt and issuer.key, as 'wattwerk survey ca init' makes it; empty: survey in the data directory."`
	Lease        config.Duration `koanf:"lease" doc:"How long a device may measure without having asked whether the consent still holds."`
	Tolerance    config.Duration `koanf:"clock_tolerance" doc:"By how much the clock of a device may be wrong. Nothing is taken from one that is further off."`
	Silent       config.Duration `koanf:"silent_after" doc:"How long nothing may come from a device of a household that has consented before that is an incident."`
	Forget       config.Duration `koanf:"forget_after" doc:"How long a household that has not consented is kept after somebody has registered it or done something for it, as made a token. It is removed then, with all that is known of it; 0: it is kept for ever."`
	People       int             `koanf:"people" doc:"How many people live at least in the ring in which the place of an anonymised household is drawn."`
}

// DefaultSurveyConfig has no survey.
func DefaultSurveyConfig() SurveyConfig {
	return SurveyConfig{Lease: config.Duration(survey.DefaultLease), Tolerance: config.Duration(survey.DefaultTolerance), Silent: config.Duration(survey.DefaultSilent), Forget: config.Duration(survey.DefaultForget), People: anonymise.DefaultPeople}
}

// leastConnsWithSurvey are two more than without.
const leastConnsWithSurvey = 12

// validateSurvey gives what cannot work.
func (c *Config) validateSurvey() error {
	var errs []error
	s := &c.Survey
	if s.Listen != "" {
		if host, _, err := net.SplitHostPort(s.Listen); err != nil {
			errs = append(errs, fmt.Errorf("survey.listen %q is not HOST:PORT, as 0.0.0.0:8443", s.Listen))
		} else if ip := net.ParseIP(host); len(s.Hosts) == 0 && (host == "" || ip != nil && ip.IsUnspecified()) {
			errs = append(errs, errors.New("survey.listen is at all addresses: name those by which devices reach it in survey.hosts"))
		}
	}
	if c.has(surveyModule) && s.Listen == "" {
		errs = append(errs, errors.New("the module survey needs an address; set survey.listen"))
	}
	if s.Lease < config.Duration(time.Minute) || s.Lease > config.Duration(31*24*time.Hour) {
		errs = append(errs, fmt.Errorf("survey.lease is %v; between 1m and 31d are possible", s.Lease))
	}
	if s.Tolerance < config.Duration(time.Second) || s.Tolerance > config.Duration(12*time.Hour) {
		errs = append(errs, fmt.Errorf("survey.clock_tolerance is %v; between 1s and 12h are possible", s.Tolerance))
	}
	if s.Silent < config.Duration(time.Minute) || s.Silent > config.Duration(31*24*time.Hour) {
		errs = append(errs, fmt.Errorf("survey.silent_after is %v; between 1m and 31d are possible", s.Silent))
	}
	if s.Forget != 0 && (s.Forget < config.Duration(24*time.Hour) || s.Forget > config.Duration(5*365*24*time.Hour)) {
		errs = append(errs, fmt.Errorf("survey.forget_after is %v; 0, or between 24h and five years are possible", s.Forget))
	}
	if s.People < 100 || s.People > 1_000_000 {
		errs = append(errs, fmt.Errorf("survey.people is %d; between 100 and 1000000 are possible", s.People))
	}
	if c.has(surveyModule) && (c.SQL.URL != "" || c.SQL.URLFile != "") && c.SQL.Conns < leastConnsWithSurvey {
		errs = append(errs, fmt.Errorf("sql.conns is %d; with the module survey at least %d are needed", c.SQL.Conns, leastConnsWithSurvey))
	}
	return errors.Join(errs...)
}

// authorityDir is where the issuer is.
func (c *Config) authorityDir() string {
	if c.Survey.AuthorityDir != "" {
		return c.Survey.AuthorityDir
	}
	return filepath.Join(c.Data, "survey")
}
