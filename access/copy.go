package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// CopyTo writes a consistent copy of everything to a file at path, which must
// not exist and can be opened as [FileName] afterwards, wherever the original
// is. Readers and writers go on meanwhile.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	if err := s.copyTo(ctx, path); err != nil {
		return fmt.Errorf("copy users and tokens: %w", err)
	}
	return nil
}

func (s *Store) copyTo(ctx context.Context, path string) (err error) {
	if !s.db.Shared() {
		_, err := s.db.ExecContext(ctx, "VACUUM INTO ?", path)
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	to, err := openTables(ctx, sqldb.Options{File: path})
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, to.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	_, err = copyTables(ctx, s.db, to)
	return err
}

// Move copies all users, sessions, tokens and links to another store, which
// must not have users: ErrExists. It gives the number of users. What is in the
// first stays there.
func (s *Store) Move(ctx context.Context, to *Store) (int, error) {
	n, err := copyTables(ctx, s.db, to.db)
	if err != nil {
		return 0, fmt.Errorf("move users and tokens: %w", err)
	}
	to.forget()
	return n, nil
}

func copyTables(ctx context.Context, from, to *sqldb.DB) (users int, err error) {
	err = from.Reading(ctx, func(ctx context.Context, from bun.Tx) error {
		return to.Alone(ctx, "access", func(ctx context.Context, to bun.Tx) error {
			n, err := to.NewSelect().Model((*userRow)(nil)).Count(ctx)
			if err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%w: there are %d users already", ErrExists, n)
			}
			if users, err = copyTable[userRow](ctx, from, to); err != nil {
				return err
			}
			if _, err := copyTable[sessionRow](ctx, from, to); err != nil {
				return err
			}
			if _, err := copyTable[tokenRow](ctx, from, to); err != nil {
				return err
			}
			_, err = copyTable[linkRow](ctx, from, to)
			return err
		})
	})
	return users, err
}

// copyTable copies the rows of one table.
func copyTable[Row any](ctx context.Context, from, to bun.IDB) (int, error) {
	var rows []Row
	if err := from.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return 0, err
	}
	for some := range slices.Chunk(rows, 200) {
		if _, err := to.NewInsert().Model(&some).Exec(ctx); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
