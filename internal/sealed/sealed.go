package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/wattwerk/wattwerk/internal/durable"
)

const (
	mark    = "wattwerk sealed 1\n"
	keySize = 32
	// Most is how many bytes a secret may have.
	Most = 64 << 10
)

// Write seals the secret into the file. The key is made where there is none.
func Write(keyFile, file string, secret []byte) error {
	if len(secret) > Most {
		return fmt.Errorf("seal %s: a secret has at most %d bytes", file, Most)
	}
	key, err := load(keyFile, keySize)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // never fails
		err = durable.Replace(keyFile, key)
	}
	if err != nil {
		return fmt.Errorf("key of the device: %w", err)
	}
	aead, err := gcm(key)
	if err != nil {
		return err
	}
	if err := durable.Replace(file, append([]byte(mark), aead.Seal(nil, nil, secret, []byte(mark))...)); err != nil {
		return fmt.Errorf("seal %s: %w", file, err)
	}
	return nil
}

// Read opens the file.
func Read(keyFile, file string) ([]byte, error) {
	key, err := load(keyFile, keySize)
	if err != nil {
		return nil, fmt.Errorf("key of the device: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("key of the device: %s is none", keyFile)
	}
	data, err := load(file, Most+100)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	if len(data) < len(mark) || string(data[:len(mark)]) != mark {
		return nil, fmt.Errorf("open sealed file: %s is none", file)
	}
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	secret, err := aead.Open(nil, nil, data[len(mark):], []byte(mark))
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %s was changed, or sealed by another key", file)
	}
	return secret, nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errors.New("key of the device: it is none")
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// load reads a file that its owner alone can read.
func load(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: its mode is %v, and has to be 0600", path, info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(f, most+1))
}
