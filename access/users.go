package access

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

// FirstUser is the name of the administrator made on the first start.
const FirstUser = "admin"

const maxName = 100 // bytes

// User is a person who may sign in.
type User struct {
	ID       string
	Name     string // unique without regard to case
	Role     Role
	External bool // signs in at an OpenID provider, not with a password
	Created  time.Time
	SignedIn *time.Time // the last time; nil: never
}

// Identity is the user as the maker of a request.
func (u User) Identity() Identity {
	return Identity{Kind: KindUser, ID: u.ID, Name: u.Name, Role: u.Role, Scopes: u.Role.Scopes()}
}

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID       string `bun:"id,pk"`
	Name     string `bun:"name"`
	Folded   string `bun:"folded"`
	Password string `bun:"password"`
	Role     string `bun:"role"`
	Issuer   string `bun:"issuer"`
	Subject  string `bun:"subject"`
	Created  int64  `bun:"created"`
	SignedIn *int64 `bun:"signed_in"`
}

func (r *userRow) user() User {
	return User{
		ID: r.ID, Name: r.Name, Role: Role(r.Role), External: r.Issuer != "",
		Created: timeOf(r.Created), SignedIn: timeOrNil(r.SignedIn),
	}
}

// storable tells whether a text can be in a database at all: PostgreSQL takes
// no others, and nobody is called so.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func checkName(kind, name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return fmt.Errorf("%w: the name of a %s is not empty and has no spaces around it", ErrInvalid, kind)
	case len(name) > maxName:
		return fmt.Errorf("%w: the name of the %s is longer than %d bytes", ErrInvalid, kind, maxName)
	}
	for _, r := range name {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return fmt.Errorf("%w: the name of the %s contains the unprintable character %U", ErrInvalid, kind, r)
		}
	}
	return nil
}

// FirstStart makes the administrator when there is no user at all, and gives
// the password, which is not stored and cannot be had again. When there are
// users the password is empty. Of several processes that start at once one
// gets it.
func (s *Store) FirstStart(ctx context.Context) (user User, password string, err error) {
	password = strings.ToLower(rand.Text()[:5] + "-" + rand.Text()[:5] + "-" + rand.Text()[:5] + "-" + rand.Text()[:5])
	row := &userRow{
		ID: newID("u_"), Name: FirstUser, Folded: FirstUser, Password: hashPassword(password),
		Role: string(Administrator), Created: s.millis(),
	}
	err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*userRow)(nil)).Count(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			password = ""
			return nil
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	switch {
	case err != nil:
		return User{}, "", fmt.Errorf("make the first administrator: %w", err)
	case password == "":
		return User{}, "", nil
	}
	return row.user(), password, nil
}

// Users gives all users by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	var rows []userRow
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	// Databases differ in what comes before what.
	slices.SortFunc(rows, func(a, b userRow) int { return strings.Compare(a.Folded, b.Folded) })
	out := make([]User, len(rows))
	for i := range rows {
		out[i] = rows[i].user()
	}
	return out, nil
}

// UserByName finds a user. ErrNotFound when there is none.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	row, err := s.userRow(ctx, "folded", strings.ToLower(name))
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

// UserByID finds a user. ErrNotFound when there is none.
func (s *Store) UserByID(ctx context.Context, id string) (User, error) {
	row, err := s.userRow(ctx, "id", id)
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

func (s *Store) userRow(ctx context.Context, column, value string) (*userRow, error) {
	row := new(userRow)
	err := sql.ErrNoRows
	if storable(value) {
		err = s.db.NewSelect().Model(row).Where("? = ?", bun.Ident(column), value).Scan(ctx)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: there is no user %q", ErrNotFound, value)
	}
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	return row, nil
}

// CreateUser adds a user who signs in with the password.
// Errors wrap ErrInvalid or ErrExists.
func (s *Store) CreateUser(ctx context.Context, name, password string, role Role) (User, error) {
	if err := checkName("user", name); err != nil {
		return User{}, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return User{}, err
	}
	if err := checkPassword(password); err != nil {
		return User{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	row := &userRow{
		ID: newID("u_"), Name: name, Folded: strings.ToLower(name), Password: hash,
		Role: string(role), Created: s.millis(),
	}
	return row.user(), s.insertUser(ctx, row)
}

func (s *Store) insertUser(ctx context.Context, row *userRow) error {
	res, err := s.db.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("%w: there is a user %q", ErrExists, row.Name)
	}
	return nil
}

// SetPassword changes a user's password and ends all the user's sessions.
// A user of an OpenID provider has none to change.
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	defer s.forget()
	return s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewUpdate().Model((*userRow)(nil)).Set("password = ?", hash).Where("id = ? AND issuer = ''", id).Exec(ctx)
		if err := one(res, err, "there is no user "+id+" with a password"); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", id).Exec(ctx)
		return err
	})
}

// SetRole changes what a user may do, at once. ErrLast when nobody could
// manage users afterwards.
func (s *Store) SetRole(ctx context.Context, id string, role Role) error {
	if _, err := ParseRole(string(role)); err != nil {
		return err
	}
	defer s.forget()
	return s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewUpdate().Model((*userRow)(nil)).Set("role = ?", role).Where("id = ?", id).Exec(ctx)
		if err := one(res, err, "there is no user "+id); err != nil {
			return err
		}
		return keepAdministrator(ctx, tx)
	})
}

// DeleteUser removes a user, the sessions and links with it.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	defer s.forget()
	return s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewDelete().Model((*userRow)(nil)).Where("id = ?", id).Exec(ctx)
		if err := one(res, err, "there is no user "+id); err != nil {
			return err
		}
		return keepAdministrator(ctx, tx)
	})
}

func keepAdministrator(ctx context.Context, tx bun.Tx) error {
	n, err := tx.NewSelect().Model((*userRow)(nil)).Where("role = ?", Administrator).Count(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrLast
	}
	return nil
}

// External finds or makes the user an OpenID provider speaks of, and gives it
// the role the provider's groups say. A local user of the same name stays a
// different one: the newcomer's name gets the subject appended.
func (s *Store) External(ctx context.Context, issuer, subject, name string, role Role) (User, error) {
	if issuer == "" || subject == "" || !storable(issuer+subject) {
		return User{}, fmt.Errorf("%w: the provider names no subject", ErrInvalid)
	}
	if _, err := ParseRole(string(role)); err != nil {
		return User{}, err
	}
	if checkName("user", name) != nil {
		name = subject
	}
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("issuer = ? AND subject = ?", issuer, subject).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		row = &userRow{
			ID: newID("u_"), Name: name, Folded: strings.ToLower(name), Role: string(role),
			Issuer: issuer, Subject: subject, Created: s.millis(),
		}
		err = s.insertUser(ctx, row)
		if errors.Is(err, ErrExists) {
			row.Name = fmt.Sprintf("%s (%s)", name, newID(""))
			row.Folded = strings.ToLower(row.Name)
			err = s.insertUser(ctx, row)
		}
		if err != nil {
			return User{}, err
		}
	case err != nil:
		return User{}, fmt.Errorf("find user: %w", err)
	case row.Role != string(role):
		row.Role = string(role)
		if err := s.SetRole(ctx, row.ID, role); err != nil {
			return User{}, err
		}
	}
	return row.user(), nil
}

// hash runs argon2id when it is its turn.
func (s *Store) hash(ctx context.Context, password string) (string, error) {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.hashing }()
	return hashPassword(password), nil
}

func (s *Store) match(ctx context.Context, phc, password string) (bool, error) {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.hashing }()
	return matchPassword(phc, password), nil
}
