package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	servicebook "github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report/desk"
	"github.com/wattwerk/wattwerk/survey/register"
)

// The books are the tables with what people have written: users and tokens,
// alert rules and what became of them, corrections, the past of the trees, contracts
// and reports, households of a survey, identifiers of other systems, objects and services. They
// are in wattwerk.db in the data directory, or in the PostgreSQL of the settings.

// seeds are tables of the books that are never empty.
var seeds = []string{"alert_work", "cir_state", "cost_changes", "model_revision", "pipeline_runner", "service_work"}

// openBooks has every owner bring its tables up to date, and opens them all: the
// PostgreSQL when there is one, else the file in a directory.
func (c *SQLConfig) openBooks(ctx context.Context, dir, at string) (*sqldb.DB, error) {
	where := sqldb.Options{URL: at, Conns: c.Conns}
	if at == "" {
		where.File = filepath.Join(dir, access.FileName)
	}
	for _, owner := range []func() (interface{ Close() error }, error){
		func() (interface{ Close() error }, error) { return openAccess(ctx, dir, at, c.Conns) },
		func() (interface{ Close() error }, error) { return alert.Open(ctx, where) },
		func() (interface{ Close() error }, error) { return openContracts(ctx, dir, at, c.Conns) },
		func() (interface{ Close() error }, error) { return register.Open(ctx, where) },
		func() (interface{ Close() error }, error) { return repository.Open(ctx, where, modelOptions(nil)) },
		func() (interface{ Close() error }, error) { return checkpoint.Open(ctx, where) },
		func() (interface{ Close() error }, error) { return servicebook.Open(ctx, where) },
		func() (interface{ Close() error }, error) {
			s, err := ledger.Open(ctx, ledger.Options{Dir: dir, URL: at, Conns: c.Conns})
			if err == nil {
				_, err = desk.Open(ctx, s.Books())
			}
			if err != nil && s != nil {
				err = errors.Join(err, s.Close())
			}
			return s, err
		},
	} {
		s, err := owner()
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	db, err := sqldb.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	if err := book.Prepare(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openContracts opens corrections and trees, with the contracts and the list of
// imports beside them.
func openContracts(ctx context.Context, dir, at string, conns int) (*ledger.Store, error) {
	s, err := ledger.Open(ctx, ledger.Options{Dir: dir, URL: at, Conns: conns})
	if err != nil {
		return nil, err
	}
	if _, err := contract.Open(ctx, s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := imports.Prepare(ctx, s.Books()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openAccess(ctx context.Context, dir, at string, conns int) (*access.Store, error) {
	if at == "" {
		return access.Open(ctx, dir)
	}
	return access.OpenShared(ctx, at, conns)
}

// copyBooks makes a file of the books in a directory that is empty, while
// everything goes on.
func (c *Config) copyBooks(ctx context.Context, dir string) (err error) {
	at, err := c.SQL.url()
	if err != nil {
		return err
	}
	from, err := c.SQL.openBooks(ctx, c.Data, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if at == "" {
		return from.CopyFile(ctx, filepath.Join(dir, access.FileName))
	}
	to, err := c.SQL.openBooks(ctx, dir, "")
	if err != nil {
		return err
	}
	return errors.Join(sqldb.Copy(ctx, from, to, seeds...), to.Close())
}

// moveBooks takes the books of the data directory to the PostgreSQL of the
// settings, which must have none: sqldb.ErrNotEmpty. Nobody may work on the
// directory. It gives the number of users, and where they are.
func (c *Config) moveBooks(ctx context.Context) (users int, name string, err error) {
	at, err := c.SQL.url()
	if err != nil {
		return 0, "", err
	}
	to, err := c.SQL.openBooks(ctx, c.Data, at)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	from, err := c.SQL.openBooks(ctx, c.Data, "")
	if err != nil {
		return 0, "", err
	}
	if err := errors.Join(sqldb.Copy(ctx, from, to, seeds...), from.Close()); err != nil {
		return 0, "", err
	}
	path := filepath.Join(c.Data, access.FileName)
	if err := os.Rename(path, path+".moved"); err != nil {
		return 0, "", err
	}
	// What is settled belongs to the books it was computed by.
	if err := os.Remove(filepath.Join(c.Data, ledger.FileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, "", fmt.Errorf("remove what can be settled again: %w", err)
	}
	s, err := openAccess(ctx, c.Data, at, c.SQL.Conns)
	if err != nil {
		return 0, "", err
	}
	all, err := s.Users(ctx)
	return len(all), to.Name(), errors.Join(err, s.Close())
}
