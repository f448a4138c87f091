package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// SQLConfig is where users, sessions and tokens are.
type SQLConfig struct {
	URL     string          `koanf:"url" doc:"A PostgreSQL that all gateways of an installation share, as postgres://user@host:5432/name; empty: a file in the data directory. Without a password: that goes into url_file."`
	URLFile string          `koanf:"url_file" doc:"File with one line: the URL of the PostgreSQL, password included."`
	Wait    config.Duration `koanf:"wait" doc:"How long to wait at the start for a PostgreSQL that does not answer yet."`
	Conns   int             `koanf:"conns" doc:"How many connections to PostgreSQL this process may have, 14 to 100."`
}

// Validate gives what cannot work.
func (c *SQLConfig) Validate() error {
	var errs []error
	if c.URL != "" && c.URLFile != "" {
		errs = append(errs, errors.New("sql.url and sql.url_file are both set; one of both is not meant"))
	}
	if c.URL != "" {
		if err := sqldb.CheckURL(c.URL); err != nil {
			errs = append(errs, fmt.Errorf("sql.url: %w", err))
		} else if u, err := url.Parse(c.URL); err == nil {
			if _, secret := u.User.Password(); secret || u.Query().Has("password") {
				errs = append(errs, errors.New("sql.url holds a password, and settings are shown; put the URL into a file and name it in sql.url_file"))
			}
		}
	}
	if c.Wait < 0 {
		errs = append(errs, fmt.Errorf("sql.wait is %v; it must not be negative", c.Wait.Std()))
	}
	if c.Conns < leastConns || c.Conns > 100 {
		errs = append(errs, fmt.Errorf("sql.conns is %d; between %d and 100 are possible", c.Conns, leastConns))
	}
	return errors.Join(errs...)
}

// url is where the PostgreSQL is; empty: there is none.
func (c *SQLConfig) url() (string, error) {
	if c.URLFile == "" {
		return c.URL, nil
	}
	text, err := os.ReadFile(c.URLFile)
	if err != nil {
		return "", fmt.Errorf("read sql.url_file: %w", err)
	}
	line := strings.TrimSpace(string(text))
	if line == "" {
		return "", fmt.Errorf("sql.url_file %s is empty", c.URLFile)
	}
	if err := sqldb.CheckURL(line); err != nil {
		return "", fmt.Errorf("sql.url_file %s: %w", c.URLFile, err)
	}
	return line, nil
}

// await waits for a PostgreSQL that is not there yet, as after a power cut.
func (c *SQLConfig) await(ctx context.Context, log *slog.Logger) error {
	at, err := c.url()
	if err != nil || at == "" {
		return err
	}
	return sqldb.Await(ctx, sqldb.Options{URL: at, Conns: 2}, c.Wait.Std(), func(err error) {
		log.Warn("waiting for PostgreSQL", "most", c.Wait.Std(), "error", err)
	})
}

// leastConns are two for each owner of tables: users, alerts, settled windows,
// manifests, identifiers, objects, and what objects tell alerts.
const leastConns = 14

// connsOfSettled is how many connections are for settled windows, when they are
// settled of what this process stores, or alerts here ask about them.
func (c *Config) connsOfSettled() int { return max(2, c.connsToShare()/4) }

// connsOfAlerts is how many are for alerts, where that module runs.
func (c *Config) connsOfAlerts() int { return max(2, c.connsToShare()/4) }

// connsOfCIR is how many are for the registry of identifiers, where that module
// runs.
const connsOfCIR = 2

// connsOfService is how many are for objects and services, where that module runs:
// half for its own tables, half for what it tells alerts.
const connsOfService = 4

// connsToShare are those that are neither of the registry of identifiers nor of
// objects.
func (c *Config) connsToShare() int {
	n := c.SQL.Conns
	for module, conns := range map[string]int{"cir": connsOfCIR, "service": connsOfService} {
		if len(c.Modules) == 0 || slices.Contains(c.Modules, module) { // which c.has would say by the table of all modules
			n -= conns
		}
	}
	return n
}

// connsOfPipeline is how many are for manifests, where that module runs: half for
// the models, half for their states.
func (c *Config) connsOfPipeline() int { return max(2, c.connsToShare()/8) }

// connsOfSurvey is how many are for the survey, where that module runs.
func (c *Config) connsOfSurvey() int { return max(2, c.connsToShare()/4) }

// connsOfUsers is how many are left for users and tokens.
func (c *Config) connsOfUsers() int {
	n := c.connsToShare()
	if c.readsSettled() {
		n -= c.connsOfSettled()
	}
	if c.has("alert") {
		n -= c.connsOfAlerts()
	}
	if c.has("pipeline") {
		n -= c.connsOfPipeline()
	}
	if c.has(surveyModule) {
		n -= c.connsOfSurvey()
	}
	return max(2, n)
}

// openUsers opens the users: in PostgreSQL when the settings name one, else in
// the data directory.
func (c *Config) openUsers(ctx context.Context) (*access.Store, error) {
	at, err := c.SQL.url()
	if err != nil {
		return nil, err
	}
	return openAccess(ctx, c.Data, at, c.connsOfUsers())
}
