package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id: OWASP's first choice for little memory, which a
// Raspberry Pi does in a quarter of a second.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
)

// Lengths of passwords, in characters and bytes.
const (
	MinPassword = 10
	MaxPassword = 500
)

func checkPassword(p string) error {
	switch {
	case !utf8.ValidString(p):
		return fmt.Errorf("%w: the password is not valid UTF-8", ErrInvalid)
	case utf8.RuneCountInString(p) < MinPassword:
		return fmt.Errorf("%w: the password has fewer than %d characters", ErrInvalid, MinPassword)
	case len(p) > MaxPassword:
		return fmt.Errorf("%w: the password has more than %d bytes", ErrInvalid, MaxPassword)
	}
	return nil
}

// hashPassword gives the PHC string of a password.
func hashPassword(p string) string {
	salt := make([]byte, 16)
	// crypto/rand never fails.
	_, _ = rand.Read(salt)
	key := argon2.IDKey([]byte(p), salt, argonTime, argonMemory, argonLanes, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		enc.EncodeToString(salt), enc.EncodeToString(key))
}

// matchPassword compares a password with a PHC string. What is not one, or
// asks for absurd work, matches nothing.
func matchPassword(phc, p string) bool {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var version int
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false
	}
	if memory > 1<<20 || passes < 1 || passes > 100 || lanes < 1 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 64 {
		return false
	}
	got := argon2.IDKey([]byte(p), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(want, got) == 1
}
