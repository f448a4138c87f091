package bus

import (
	"context"
	"crypto/rand"
	"fmt"
)

// secretsKV is the bucket of what the processes of an installation share and
// nobody else may know. Whoever is on the bus reads it, and could do anything
// anyway.
const secretsKV = "secrets"

// Secret gives the secret of that name, which every process of the
// installation gets the same. Whoever comes first makes it, of so many random
// bytes.
func (b *Bus) Secret(ctx context.Context, name string, bytes int) ([]byte, error) {
	kv, err := b.KV(ctx, secretsKV)
	if err != nil {
		return nil, fmt.Errorf("share secret %s: %w", name, err)
	}
	made := make([]byte, bytes)
	_, _ = rand.Read(made) // it never fails
	secret, err := agree(ctx, kv, name, made)
	if err != nil {
		return nil, fmt.Errorf("share secret %s: %w", name, err)
	}
	return secret, nil
}
