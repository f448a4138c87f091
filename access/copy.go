package access

import (
	"context"
	"fmt"
)

// CopyTo writes a consistent copy of the file to path, which must not exist.
// Readers and writers go on meanwhile.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copy users and tokens: %w", err)
	}
	return nil
}
